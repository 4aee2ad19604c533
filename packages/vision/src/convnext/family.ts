import { fromArchitecture } from '@diptych/nn';
import type { ImageFamily } from '../image-family.js';
import { ConvNeXt } from './convnext.js';

export const convnextFamily: ImageFamily = {
  title: 'ConvNeXt',
  kinds: { 'vision/convnext': fromArchitecture(ConvNeXt) },
  architectures: /^convnext/,
  fromPretrained: (model, options) => ConvNeXt.fromPretrained(model, options),
};
