export * from './binding.js';
export { channelBlock } from './channel-block.js';
export { DeviceCopies } from './device-copies.js';
export * from './ort-error.js';
export { hostValue, type OrtValue } from './ort-value.js';
export { spinningFor } from './spinning.js';
