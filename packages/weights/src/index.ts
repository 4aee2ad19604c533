export {
  adaptName,
  chainAdapters,
  type Destination,
  type NameAdapter,
  type NameRule,
  selectPrefix,
} from './adapter.js';
export { type EncodeOptions, encodeSafetensors, type NamedTensors } from './encode-safetensors.js';
export {
  type FreshTensor,
  type LoadedTensor,
  LoadReport,
  LoadStateError,
  type LoneTensor,
  type MismatchedTensor,
} from './load-report.js';
export { type LoadOptions, loadState } from './load-state.js';
export { type ByteReader, parseSafetensors, Safetensors } from './safetensors.js';
export { MAX_HEADER_BYTES } from './safetensors-header.js';
export { stateDict } from './state-dict.js';
export type { TensorCollection, TensorData, TensorInfo } from './tensor-collection.js';
