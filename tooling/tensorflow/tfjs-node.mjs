import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const require = createRequire(import.meta.url);

/** The folder in which tfjs-node is built, a project of its own. */
export const TFJS_NODE = resolve(import.meta.dirname, '../../.cache/tfjs-node');

/** tfjs-node's first operation calls two functions that Node 23 dropped. */
export function addMissingUtil() {
  const util = require('node:util');
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}

/** Registers tfjs-node's backend `tensorflow` with the tfjs-core that is loaded already. */
export function loadTfjsNode() {
  addMissingUtil();
  createRequire(join(TFJS_NODE, 'package.json'))('@tensorflow/tfjs-node');
}
