// A hook of Node's module loader; see load.mjs.
import { pathToFileURL } from 'node:url';

const NAME = '@tensorflow/tfjs-node';
let parentURL;

export function initialize({ folder }) {
  parentURL = pathToFileURL(`${folder}/package.json`).href;
}

export function resolve(specifier, context, next) {
  return next(specifier, specifier === NAME ? { ...context, parentURL } : context);
}
