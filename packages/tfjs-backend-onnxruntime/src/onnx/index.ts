export * from './graph.js';
export * from './save-model.js';
export * from './write-model.js';
