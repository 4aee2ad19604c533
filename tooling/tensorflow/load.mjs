// Makes `@tensorflow/tfjs-node`, wherever it is imported, the one that was built in the cache folder: for `node --import`.
import { register } from 'node:module';
import { addMissingUtil, TFJS_NODE } from './tfjs-node.mjs';

addMissingUtil();
register('./resolve.mjs', import.meta.url, { data: { folder: TFJS_NODE } });
