import { fromArchitecture } from '@diptych/nn';
import type { ImageFamily } from '../image-family.js';
import { EfficientNet } from './efficientnet.js';

export const efficientNetFamily: ImageFamily = {
  title: 'EfficientNet',
  kinds: { 'vision/efficientnet': fromArchitecture(EfficientNet) },
  architectures: /^(tf_)?efficientnet/,
  fromPretrained: (model, options) => EfficientNet.fromPretrained(model, options),
};
