/** The two entries of @diptych/preprocess in one module, to be bundled for worker threads: each registers its kinds. */
export { kinds as transforms } from '@diptych/preprocess/image';
export { kinds as tokenizers } from '@diptych/preprocess/text';
