/** The kinds of @diptych/preprocess in one module, to be bundled for worker threads. */
import { kinds as transforms } from '@diptych/preprocess/image';
import { kinds as tokenizers } from '@diptych/preprocess/text';

export const kinds = { ...transforms, ...tokenizers };
