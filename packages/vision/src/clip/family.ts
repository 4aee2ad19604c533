import { fromArchitecture } from '@diptych/nn';
import type { ImageFamily } from '../image-family.js';
import { ClipVision } from './clip-vision.js';

export const clipFamily: ImageFamily = {
  title: 'CLIP',
  kinds: { 'vision/clip': fromArchitecture(ClipVision) },
  architectures: /^clip/,
  fromPretrained: (model, options) => ClipVision.fromPretrained(model, options),
};
