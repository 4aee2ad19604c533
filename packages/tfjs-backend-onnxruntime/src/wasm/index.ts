export { adamwWasm } from './adamw.wasm.js';
export { compileInlined, instantiate, PAGE_BYTES } from './instantiate.js';
export * from './philox-uniform.js';
