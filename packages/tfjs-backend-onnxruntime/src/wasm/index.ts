export * from './adamw-arena.js';
export * from './philox-uniform.js';
