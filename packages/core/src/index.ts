export { type Architecture, type Architectures, describeArchitecture, resolveArchitecture } from './architecture.js';
export {
  type NegativeBatch,
  type PairBatch,
  type PixelBatch,
  pixelShape,
  type TokenBatch,
  tokenShape,
} from './batches.js';
export type { Communicator, Reducible, Reduction, Sendable } from './communicator.js';
export {
  checkBytes,
  checkFields,
  checkFunction,
  checkList,
  checkMethods,
  checkOptions,
  checkPath,
  checkPositive,
  checkTensors,
  checkText,
  namedConfig,
  nearestName,
  type OptionNames,
} from './config-checks.js';
export type { Json, JsonObject, PartDescription } from './description.js';
export {
  checkEncoded,
  checkTextTensors,
  type Encoded,
  type Encoder,
  type EncoderOutput,
  type ImageEncoder,
  type ImageInput,
  type TextEncoder,
  type TextInput,
  type TextTensors,
} from './encoder.js';
export {
  CheckpointError,
  CommunicationError,
  ConfigError,
  DiptychError,
  EngineError,
  type ErrorCode,
  type ErrorParts,
  HubError,
  InputError,
  isDiptychError,
  ShapeError,
  StoreError,
  TrainingError,
  WeightsError,
} from './errors.js';
export {
  checkFused,
  type Fused,
  type Fusion,
  type FusionOutput,
  type FusionWithPlaceholders,
  hasPlaceholders,
} from './fusion.js';
export {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  type HalfTable,
  makeHalfTable,
} from './half.js';
export type { Head, LabelNumbers } from './head.js';
export { type ImageSource, type ImageTransform, MAX_ENCODED_BYTES, type RgbImage } from './image-transform.js';
export {
  type BuildContext,
  type BuildPartOptions,
  buildPart,
  checkKinds,
  type KindModule,
  type Kinds,
  modulesOf,
  type PartBuilder,
  registerKinds,
} from './kinds.js';
export { isLent, lend } from './lend.js';
export {
  checkLossOutput,
  type FusedOutputs,
  type Loss,
  type LossBatch,
  type LossOutput,
  type LossSetting,
  type LossValues,
  type NegativeRows,
  type TowerOutputs,
} from './loss.js';
export { checkMatrix, Matrix, type MatrixData, takeRows } from './matrix.js';
export type { Optimizer } from './optimizer.js';
export { philox4x32, siteOf, wordToUniform } from './philox.js';
export { printable } from './printable.js';
export {
  type Context,
  inference,
  plainSample,
  type RandomStream,
  type SampleContext,
  SampleRandom,
} from './random.js';
export { checkDtype, checkShape, type Dimension, formatShape, type Shaped } from './shapes.js';
export { permutation, shuffle } from './shuffle.js';
export { type StandIn, standInOf } from './stand-in.js';
export { buffersOf, isStateful, type NamedVariables, parametersOf, type Stateful, stateless } from './stateful.js';
export type { TokenizeOptions, Tokenizer } from './tokenizer.js';
export { describeTokenizer, tokenizerFiles } from './tokenizer-files.js';
