import type { ImageTransform, JsonObject } from '@diptych/core';

/** PIL's numbers of resampling filters. */
const RESAMPLE: Readonly<Record<string, number>> = {
  nearest: 0,
  lanczos: 1,
  bilinear: 2,
  bicubic: 3,
  box: 4,
  hamming: 5,
};

/**
 * preprocessor_config.json of a CLIPImageProcessor that does what a transform does: a resize, perhaps a centre crop, numbers.
 *
 * @returns undefined where it does something else (a letterbox, steps of your own)
 */
export function imageProcessor(transform: ImageTransform): JsonObject | undefined {
  const { kind, options } = transform.describe();
  const { steps = [], decode } = options as { steps?: readonly JsonObject[]; decode?: JsonObject };
  const { mean, std } = transform.normalization ?? {};
  const [resize, ...rest] = steps;
  const crop = rest[0]?.op === 'centerCrop' ? rest[0] : undefined;
  const others = (crop ? rest.slice(1) : rest).filter(({ op }) => op !== 'toTensor' && op !== 'normalize');
  const isPlain = kind === 'preprocess/image-transform' && resize?.op === 'resize' && resize.maxSize === undefined;
  if (!isPlain || others.length > 0 || decode?.orient || crop?.rounding || !mean || !std) return undefined;
  const [height, width] = transform.outputShape;
  const { size } = resize;
  return {
    image_processor_type: 'CLIPImageProcessor',
    do_convert_rgb: true,
    do_resize: true,
    size: typeof size === 'number' ? { shortest_edge: size } : { height, width },
    resample: RESAMPLE[String(resize.interpolation)] ?? 3,
    do_center_crop: crop !== undefined,
    ...(crop && { crop_size: { height, width } }),
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: [...mean],
    image_std: [...std],
  };
}
