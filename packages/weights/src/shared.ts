export type { RetryOptions } from '@diptych/core/http';
export {
  adaptName,
  chainAdapters,
  type Destination,
  type NameAdapter,
  type NameRule,
  renameTensors,
  selectPrefix,
} from './adapter.js';
export * as adapters from './adapters/index.js';
export { withCurrentOptions } from './adapters/option-names.js';
export { type BrowserHubOptions, browserHubSource } from './browser-hub-source.js';
export { type EncodeOptions, encodeSafetensors, type NamedTensors } from './encode-safetensors.js';
export { HubConfig, isJsonObject } from './hub-config.js';
export { type HubId, parseHubId } from './hub-id.js';
export type { DownloadProgress, HubOptions } from './hub-options.js';
export { joinTensors } from './join-tensors.js';
export { loadPretrained, type PretrainedFamily } from './load-pretrained.js';
export {
  type FreshTensor,
  type LoadedTensor,
  LoadReport,
  LoadStateError,
  type LoneTensor,
  type MismatchedTensor,
} from './load-report.js';
export { type LoadOptions, loadState } from './load-state.js';
export { memorySource } from './memory-source.js';
export { modelSource } from './model-source.js';
export {
  type ImageConfig,
  type OpenCheckpointOptions,
  type OpenedCheckpoint,
  openCheckpoint,
  readArchitecture,
  wrongFamily,
} from './open-checkpoint.js';
export { type OpenTensorsOptions, openSharded, openTensors } from './open-tensors.js';
export {
  checkPretrained,
  type FillOptions,
  type FreshLayer,
  fillModel,
  ignoring,
  type Pretrained,
  type PretrainedOptions,
  type TokenizerSettings,
} from './pretrained.js';
export { replaceTensors } from './replace-tensors.js';
export type { ResponseCache } from './response-cache.js';
export { type ByteReader, parseSafetensors, Safetensors } from './safetensors.js';
export { MAX_HEADER_BYTES } from './safetensors-header.js';
export {
  type DenseModule,
  isSentenceTransformer,
  readSentenceTransformer,
  type SentenceTransformer,
} from './sentence-transformers.js';
export { stateDict } from './state-dict.js';
export type { TensorCollection, TensorData, TensorInfo } from './tensor-collection.js';
export { type ListedFile, type UrlSourceOptions, urlSource } from './url-source.js';
export { hasFile, readJson, readJsonValue, readText, type WeightSource } from './weight-source.js';
