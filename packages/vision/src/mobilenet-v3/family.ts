import { fromArchitecture } from '@diptych/nn';
import type { ImageFamily } from '../image-family.js';
import { MobileNetV3 } from './mobilenet-v3.js';

export const mobileNetV3Family: ImageFamily = {
  title: 'MobileNetV3',
  kinds: { 'vision/mobilenet-v3': fromArchitecture(MobileNetV3) },
  architectures: /^((tf_)?mobilenetv3|mobilenet_v3)_/,
  fromPretrained: (model, options) => MobileNetV3.fromPretrained(model, options),
};
