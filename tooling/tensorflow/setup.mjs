import '@tensorflow/tfjs-core';
import { loadTfjsNode } from './tfjs-node.mjs';

loadTfjsNode();
