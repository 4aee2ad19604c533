export type { NegativeBatch, PairBatch, PixelBatch, TokenBatch } from './batches.js';
export { checkPositive, namedConfig } from './config-checks.js';
export type { Json, JsonObject, PartDescription } from './description.js';
export type { Encoder, EncoderOutput, ImageEncoder, ImageInput, TextEncoder, TextInput } from './encoder.js';
export {
  CheckpointError,
  ConfigError,
  DiptychError,
  EngineError,
  type ErrorCode,
  type ErrorParts,
  HubError,
  InputError,
  isDiptychError,
  ShapeError,
  TrainingError,
  WeightsError,
} from './errors.js';
export type { Fusion, FusionOutput } from './fusion.js';
export type { ImageSource, ImageTransform, RgbImage } from './image-transform.js';
export { isLent, lend } from './lend.js';
export type { FusedOutputs, Loss, LossBatch, LossOutput, NegativeRows, TowerOutputs } from './loss.js';
export { philox4x32, siteOf, wordToUniform } from './philox.js';
export {
  type Context,
  inference,
  plainSample,
  type RandomStream,
  type SampleContext,
  SampleRandom,
} from './random.js';
export { checkDtype, checkShape, type Dimension, formatShape, type Shaped } from './shapes.js';
export { type Stateful, stateless } from './stateful.js';
export type { TokenizeOptions, Tokenizer } from './tokenizer.js';
