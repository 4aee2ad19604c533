export { BagOfTokens, type BagOfTokensOptions } from './bag-of-tokens.js';
export { poolSequence, type SequencePooling } from './pooling.js';
