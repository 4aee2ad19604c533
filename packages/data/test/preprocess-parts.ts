/** The factories of @diptych/preprocess in one module, to be bundled for worker threads. */
export { imageTransformFromOptions } from '@diptych/preprocess/image';
export { tokenizerFromOptions } from '@diptych/preprocess/text';
