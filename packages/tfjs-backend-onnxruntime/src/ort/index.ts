export * from './binding.js';
export * from './ort-error.js';
export { hostValue, type OrtValue } from './ort-value.js';
