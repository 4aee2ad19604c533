import { ConfigError, type ImageEncoder } from '@diptych/core';
import type { WeightSource } from '@diptych/weights';
import { ClipVision } from './clip/clip-vision.js';
import { ConvNeXt } from './convnext/convnext.js';
import { openCheckpoint, type Pretrained, type PretrainedOptions } from './pretrained/open-pretrained.js';
import { ResNet } from './resnet/resnet.js';
import { SiglipVision } from './siglip/siglip-vision.js';
import { ViT } from './vit/vit.js';

type Loader = (model: string | WeightSource, options: PretrainedOptions) => Promise<ImageEncoder & Pretrained>;

/** Families by timm's architecture or transformers' model type; the first that matches is taken. */
const FAMILIES: readonly (readonly [RegExp, Loader])[] = [
  [/^convnext/, (model, options) => ConvNeXt.fromPretrained(model, options)],
  [/^(wide_)?resne/, (model, options) => ResNet.fromPretrained(model, options)],
  [/^(vit|deit)/, (model, options) => ViT.fromPretrained(model, options)],
  [/^clip/, (model, options) => ClipVision.fromPretrained(model, options)],
  [/^siglip/, (model, options) => SiglipVision.fromPretrained(model, options)],
];

/**
 * Loads any image encoder of this package by what its checkpoint says it is.
 *
 * @param model a folder, a hub id, or a source
 * @throws ConfigError for a family that is not here; else as the `fromPretrained` of the family
 */
export async function imageEncoderFromPretrained(
  model: string | WeightSource,
  options: PretrainedOptions = {},
): Promise<ImageEncoder & Pretrained> {
  const { name, library, architecture } = await openCheckpoint(model, options);
  const family = FAMILIES.find(([pattern]) => pattern.test(architecture));
  if (family) return family[1](model, options);
  throw new ConfigError({
    where: 'vision.imageEncoderFromPretrained',
    expected: 'a checkpoint of a ResNet, ViT, ConvNeXt, CLIP or SigLIP',
    got: `${name}, which ${library} calls ${architecture}`,
  });
}
