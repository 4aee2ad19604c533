export * from './collectives.js';
export { customCall } from './custom-call.js';
export * from './folds.js';
export { HloFunction, moduleText } from './function.js';
export * from './indexing.js';
export * from './operations.js';
export * from './products.js';
export * from './types.js';
