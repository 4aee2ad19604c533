import type { Kinds } from '@diptych/core';
import { clipFamily } from './clip/family.js';
import { convnextFamily } from './convnext/family.js';
import { efficientNetFamily } from './efficientnet/family.js';
import type { ImageFamily } from './image-family.js';
import { mobileNetV3Family } from './mobilenet-v3/family.js';
import { resnetFamily } from './resnet/family.js';
import { siglipFamily } from './siglip/family.js';
import { smallCnnFamily } from './small-cnn/family.js';
import { vitFamily } from './vit/family.js';

/** Every family of image encoders; a new one is a folder with a line here. */
export const FAMILIES: readonly ImageFamily[] = [
  smallCnnFamily,
  resnetFamily,
  vitFamily,
  convnextFamily,
  efficientNetFamily,
  mobileNetV3Family,
  clipFamily,
  siglipFamily,
];

/** Builders of this package's parts by kind. */
export const kinds: Kinds = Object.assign({}, ...FAMILIES.map((family) => family.kinds));
