import { fromArchitecture } from '@diptych/nn';
import type { ImageFamily } from '../image-family.js';
import { ResNet } from './resnet.js';

export const resnetFamily: ImageFamily = {
  title: 'ResNet',
  kinds: { 'vision/resnet': fromArchitecture(ResNet) },
  architectures: /^(wide_)?resne/,
  fromPretrained: (model, options) => ResNet.fromPretrained(model, options),
};
