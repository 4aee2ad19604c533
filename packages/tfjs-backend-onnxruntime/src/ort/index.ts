export * from './binding.js';
export { channelBlock } from './channel-block.js';
export * from './ort-error.js';
export { hostValue, type OrtValue } from './ort-value.js';
export { spinningFor } from './spinning.js';
