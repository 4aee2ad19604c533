import type { Json } from '@diptych/core';
import type { RandomWeights } from '@diptych/nn';
import { type ImageConfig, isJsonObject, type PretrainedOptions } from '@diptych/weights';

/** What `fromPretrained` takes of networks whose positions belong to one size of picture. */
export interface SizedPretrainedOptions extends PretrainedOptions, RandomWeights {
  /** Side of the pictures; where it is not the checkpoint's, the position embeddings are resampled. */
  readonly imageSize?: number;
}

/**
 * A checkpoint's image settings for pictures of another size; a resize before a centre crop keeps its ratio to the crop.
 *
 * @param trained side of the pictures that the checkpoint was trained on
 */
export function withImageSize(
  config: ImageConfig | undefined,
  imageSize: number,
  trained = imageSize,
): ImageConfig | undefined {
  if (!config) return undefined;
  const { input_size: inputSize, size, crop_size: cropSize } = config;
  if (Array.isArray(inputSize)) return { ...config, input_size: [inputSize[0] ?? 3, imageSize, imageSize] };
  const before = sideOf(config.do_center_crop === true ? (cropSize ?? size) : (size ?? cropSize));
  if (before === undefined) {
    // left to the class's default: that is the size of training, for networks of one size
    return imageSize === trained ? config : { ...config, size: imageSize, crop_size: imageSize };
  }
  if (before === imageSize) return config;
  const scaled = (value: Json | undefined) => scaleSides(value, imageSize / before);
  return {
    ...config,
    ...(size === undefined ? {} : { size: scaled(size) }),
    ...(cropSize === undefined ? {} : { crop_size: scaled(cropSize) }),
  };
}

/** transformers writes a size as a number, as height and width, or as its shortest edge. */
function sideOf(size: Json | undefined): number | undefined {
  const side = isJsonObject(size) ? (size.height ?? size.shortest_edge) : size;
  return typeof side === 'number' ? side : undefined;
}

function scaleSides(size: Json | undefined, factor: number): Json | undefined {
  if (typeof size === 'number') return Math.round(size * factor);
  if (!isJsonObject(size)) return size;
  return Object.fromEntries(Object.entries(size).map(([key, value]) => [key, scaleSides(value, factor)]));
}
