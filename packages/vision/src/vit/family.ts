import { fromArchitecture } from '@diptych/nn';
import type { ImageFamily } from '../image-family.js';
import { ViT } from './vit.js';

export const vitFamily: ImageFamily = {
  title: 'ViT',
  kinds: { 'vision/vit': fromArchitecture(ViT) },
  architectures: /^(vit|deit)/,
  fromPretrained: (model, options) => ViT.fromPretrained(model, options),
};
