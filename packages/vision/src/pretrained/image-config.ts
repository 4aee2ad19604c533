import type { Json, JsonObject } from '@diptych/core';
import { isJsonObject } from './hub-config.js';

/**
 * The settings of the image transform that belongs to a checkpoint, as its authors wrote them: timm's `pretrained_cfg`, or
 * transformers' `preprocessor_config.json`. `imageTransform` of `@diptych/preprocess/image` takes either.
 */
export type ImageConfig = JsonObject;

/** The same settings for pictures of another size; a resize before a centre crop keeps its ratio to the crop. */
export function withImageSize(config: ImageConfig, imageSize: number): ImageConfig {
  const { input_size: inputSize, size, crop_size: cropSize } = config;
  if (Array.isArray(inputSize)) return { ...config, input_size: [inputSize[0] ?? 3, imageSize, imageSize] };
  const before = sideOf(config.do_center_crop === true ? (cropSize ?? size) : size);
  if (before === undefined || before === imageSize) return config;
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
