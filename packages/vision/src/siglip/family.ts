import { fromArchitecture } from '@diptych/nn';
import type { ImageFamily } from '../image-family.js';
import { SiglipVision } from './siglip-vision.js';

export const siglipFamily: ImageFamily = {
  title: 'SigLIP',
  kinds: { 'vision/siglip': fromArchitecture(SiglipVision) },
  architectures: /^siglip/,
  fromPretrained: (model, options) => SiglipVision.fromPretrained(model, options),
};
