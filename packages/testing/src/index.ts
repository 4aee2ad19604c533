export { type BackendContract, backendChecks, testBackend } from './backend-contract.js';
export { type Check, ContractViolation, type Runner, register, runChecks } from './check.js';
export { type CommunicatorCheck, communicatorChecks, testCommunicator } from './communicator-contract.js';
export { type CompiledEncoderContract, compiledEncoderChecks, testCompiledEncoder } from './compiled-contract.js';
export { type EncoderContract, type EncoderInput, encoderChecks, testEncoder } from './encoder-contract.js';
export { type FusionContract, fusionChecks, testFusion } from './fusion-contract.js';
export { type HeadContract, headChecks, testHead } from './head-contract.js';
export { type ImageTransformContract, imageTransformChecks, testImageTransform } from './image-transform-contract.js';
export { type LossContract, lossChecks, testLoss } from './loss-contract.js';
export { OP_CASES, type OpCase, type OpInput } from './op-cases.js';
export { type OptimizerContract, optimizerChecks, testOptimizer } from './optimizer-contract.js';
export { randomNormal } from './random-normal.js';
export { type SourceContract, sourceChecks, testSource } from './source-contract.js';
export type { PartContract } from './stateful-checks.js';
export { type TokenizerContract, testTokenizer, tokenizerChecks } from './tokenizer-contract.js';
export {
  fusedOutputs,
  randomEncoderOutput,
  randomTowers,
  type TowerOutputsOptions,
  type TowerVectors,
} from './tower-outputs.js';
export { testVectorStore, type VectorStoreContract, vectorStoreChecks } from './vector-store-contract.js';
export { testWeightSource, type WeightSourceContract, weightSourceChecks } from './weight-source-contract.js';
