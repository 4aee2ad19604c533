export { type HardNegatives, type MineOptions, mineHardNegatives } from './hard-negatives.js';
export { accuracy, auroc, type LabelArray, macroF1, r2 } from './labels.js';
export { type LinearProbe, type LinearProbeOptions, linearProbe } from './linear-probe.js';
export { type QueryRanks, rankRelevant } from './ranks.js';
export { matchingAccuracy, type PairScorer, type RerankOptions, rerank } from './rerank.js';
export {
  type ItemId,
  type RetrievalOptions,
  type RetrievalReport,
  type RetrievalScores,
  retrieval,
} from './retrieval.js';
export { type RidgeMap, ridgeMap } from './ridge.js';
export { cosineSimilarity, type EmbeddedPairs, normalizeRows, partnersOf } from './rows.js';
export { type BlockOptions, type ScoreBlock, scoreBlocks } from './score-blocks.js';
export { alignment, modalityGap, uniformity } from './space.js';
export { type Nearest, topK } from './top-k.js';
export {
  type Classified,
  classify,
  PHOTO_TEMPLATES,
  type ZeroShotClasses,
  zeroShotAccuracy,
  zeroShotClasses,
} from './zero-shot.js';
