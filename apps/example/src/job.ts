// What other jobs on the same pairs share with the example.
export { emojiPairs, type Pair } from './emoji.js';
export { pictureTransform, RECIPE } from './model.js';
export { type SplitKind, splitPairs } from './split.js';
