import { ConfigError, type ImageEncoder, type JsonObject, type PartDescription } from '@diptych/core';
import { ClipVision, type ClipVisionOptions } from './clip/clip-vision.js';
import type { ClipVisionConfig, ClipVisionName } from './clip/clip-vision-configs.js';
import { ConvNeXt, type ConvNeXtOptions } from './convnext/convnext.js';
import type { ConvNeXtConfig, ConvNeXtName } from './convnext/convnext-configs.js';
import { ResNet, type ResNetOptions } from './resnet/resnet.js';
import type { ResNetConfig, ResNetName } from './resnet/resnet-configs.js';
import { SiglipVision, type SiglipVisionOptions } from './siglip/siglip-vision.js';
import type { SiglipVisionConfig, SiglipVisionName } from './siglip/siglip-vision-configs.js';
import { SmallCNN, type SmallCNNOptions } from './small-cnn.js';
import { ViT, type ViTOptions } from './vit/vit.js';
import type { ViTConfig, ViTName } from './vit/vit-configs.js';

/** Builds each encoder from the options of its `describe()`; checkpoints hold those as JSON. */
const KINDS: Readonly<Record<string, (options: JsonObject) => ImageEncoder>> = {
  'vision/small-cnn': (options) => new SmallCNN(options as unknown as SmallCNNOptions),
  'vision/resnet': ({ architecture, ...options }) =>
    new ResNet(architecture as unknown as ResNetName | ResNetConfig, options as ResNetOptions),
  'vision/vit': ({ architecture, ...options }) =>
    new ViT(architecture as unknown as ViTName | ViTConfig, options as ViTOptions),
  'vision/convnext': ({ architecture, ...options }) =>
    new ConvNeXt(architecture as unknown as ConvNeXtName | ConvNeXtConfig, options as ConvNeXtOptions),
  'vision/clip': ({ architecture, ...options }) =>
    new ClipVision(architecture as unknown as ClipVisionName | ClipVisionConfig, options as ClipVisionOptions),
  'vision/siglip': ({ architecture, ...options }) =>
    new SiglipVision(architecture as unknown as SiglipVisionName | SiglipVisionConfig, options as SiglipVisionOptions),
};

/** Kinds that {@link imageEncoderFrom} builds, e.g. `vision/resnet`. */
export const IMAGE_ENCODER_KINDS: readonly string[] = Object.keys(KINDS);

/**
 * Builds an encoder from its description, as `describe()` gave it, with initial weights.
 *
 * @param generator `new BlankGenerator()` where a checkpoint follows, so that nothing is drawn in vain
 * @throws ConfigError if the kind is none of this package, or the options make no network
 */
export function imageEncoderFrom(
  { kind, options }: PartDescription,
  generator?: ResNetOptions['generator'],
): ImageEncoder {
  const make = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (make) return make({ ...options, ...(generator && { generator: generator as never }) });
  throw new ConfigError({
    where: 'vision.imageEncoderFrom',
    expected: `a kind of ${IMAGE_ENCODER_KINDS.join(', ')}`,
    got: kind,
  });
}
