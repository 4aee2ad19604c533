export { type DiptychConfig, defineConfig } from './config/schema.js';
export { captionedSource } from './data/captions.js';
export type { Pair } from './data/pair.js';
export { type Split, type SplitKind, splitPairs } from './data/split.js';
export type { MetricsFile, RetrievalFigures } from './job/metrics-file.js';
export { pictureTransform, RECIPE } from './job/small-recipe.js';
