import { fromOptions } from '@diptych/nn';
import type { ImageFamily } from '../image-family.js';
import { SmallCNN } from './small-cnn.js';

/** It is trained from scratch: there are no checkpoints of others. */
export const smallCnnFamily: ImageFamily = {
  title: 'SmallCNN',
  kinds: { 'vision/small-cnn': fromOptions(SmallCNN) },
};
