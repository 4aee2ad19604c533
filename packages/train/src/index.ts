export type { BatchSource } from './batches/batch-source.js';
export type { HostRows } from './batches/device-batch.js';
export { type StoredEmbeddings, storedTargets, type TargetRows } from './batches/stored-targets.js';
export { mapBatches, withNegatives } from './batches/with-negatives.js';
export {
  attentionMaps,
  type EmbeddedBlock,
  type EmbeddedSource,
  type EmbeddingModel,
  type EmbedOptions,
  type EmbedOutput,
  embed,
  embedPairs,
} from './evaluate/embed.js';
export { type EvaluateOptions, type Evaluation, evaluate, flatMetrics } from './evaluate/evaluate.js';
export { type ExampleOptions, type Examples, type RankedExample, rankExamples } from './evaluate/examples.js';
export { type HostTensor, releaseCompiled } from './evaluate/run-in-order.js';
export {
  type EncodedItems,
  type EncodedRows,
  encodeItems,
  type ScoreOptions,
  scorePairs,
  scorerOf,
} from './evaluate/score-pairs.js';
export {
  type FeatureHeadOptions,
  HeadedTower,
  ImageFeatureHead,
  TextFeatureHead,
  withHead,
  withTowers,
} from './frozen/feature-heads.js';
export { type FeatureBatchOptions, FeatureSet } from './frozen/feature-set.js';
export { Classification, type ClassificationOptions } from './heads/classification.js';
export { LabelLoss, type LabelLossOptions } from './heads/label-loss.js';
export {
  type BinaryCrossEntropyTerms,
  binaryCrossEntropy,
  type CrossEntropyTerms,
  crossEntropy,
  meanSquaredError,
} from './heads/label-losses.js';
export { predictionsOf } from './heads/predictions.js';
export { Regression, type RegressionOptions } from './heads/regression.js';
export { kinds } from './kinds.js';
export { Distillation, type DistillationOptions, distillAffinity, distillCosine } from './losses/distillation.js';
export { ImageTextMatching, matchingLoss, matchingLossTwoClasses } from './losses/image-text-matching.js';
export { InfoNCE, type InfoNCEOptions, type InfoNCETerms, infoNCE, type NegativeVectors } from './losses/info-nce.js';
export { Matryoshka, type MatryoshkaOptions } from './losses/matryoshka.js';
export { SigLIP, sigLIP } from './losses/sig-lip.js';
export { type PairMask, pairMask, type RowIds, similarityMatrix } from './losses/similarity.js';
export { StatelessLoss } from './losses/stateless-loss.js';
export { Triplet, type TripletOptions, triplet } from './losses/triplet.js';
export { WeightedSum, type WeightedTerm } from './losses/weighted-sum.js';
export {
  type Matcher,
  MultiModalEncoder,
  type MultiModalEncoderOptions,
  type OutputsOf,
} from './multi-modal-encoder.js';
export { Adafactor, type AdafactorOptions, type AdafactorSettings } from './optimizers/adafactor.js';
export { AdamW, type AdamWGroup, type AdamWOptions, type AdamWSettings } from './optimizers/adamw.js';
export { type ClippedGradients, clipGradients, normOf } from './optimizers/clip-gradients.js';
export { defineOptimizer, type OptimizerClass, RuleOptimizer } from './optimizers/define-optimizer.js';
export { Lion, type LionOptions, type LionSettings } from './optimizers/lion.js';
export type { OptimizerOptions, ParameterGroup } from './optimizers/parameter-groups.js';
export { SGD, type SGDOptions, type SGDSettings } from './optimizers/sgd.js';
export type { Rates, UpdateInput, UpdateOutput, UpdateRule } from './optimizers/update-rule.js';
export {
  type Schedule,
  type ScheduleOptions,
  warmupConstant,
  warmupCosine,
  warmupLinear,
} from './schedules/schedules.js';
export { towerOf } from './tower-of.js';
export type { TrainableModel } from './trainable-model.js';
export { Ema, type EmaOptions } from './trainer/ema.js';
export type { FreezeRule } from './trainer/freeze-schedule.js';
export type { FitOptions, FitResult, TrainerOptions } from './trainer/options.js';
export type { CheckpointStore, OnDamaged, TrainingSnapshot } from './trainer/run/checkpoint-store.js';
export type { CheckpointEvery } from './trainer/run/run-checkpoints.js';
export type { Listeners, LogRecord, StepReport, TrainingEvent, TrainingLog } from './trainer/run/run-events.js';
export type { SettingChange } from './trainer/run/run-settings.js';
export { type StepOutcome, type StepPosition, StepRunner, type StepRunnerOptions } from './trainer/step/step-runner.js';
export { Trainer } from './trainer/trainer.js';
export type { RetrievalValidation, TowerWatcher, ValidationMetrics, ValidationOptions } from './trainer/validation.js';
export type { TowerValidationOptions } from './watch/tower-overfitting.js';
