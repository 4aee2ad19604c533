import {
  ConfigError,
  checkList,
  checkMethods,
  checkOptions,
  type ImageSource,
  type ImageTransform,
  InputError,
  isDiptychError,
  type OptionNames,
  type PixelBatch,
  plainSample,
  type RgbImage,
  type SampleContext,
} from '@diptych/core';
import type { ImagePipeline } from './pipeline.js';

/** Settings of {@link transformBatch}. */
export interface TransformBatchOptions {
  /** What the images are transformed for; image i is item `context.item + i`. Default: no training. */
  readonly context?: SampleContext;
  /** `uint8` keeps bytes, a quarter of the memory, and leaves `(x / 255 - mean) / std` to the device. Default `float32`. */
  readonly output?: 'float32' | 'uint8';
  /** Images in work at once. Default 4, libuv's number of threads. */
  readonly concurrency?: number;
}

const TRANSFORM_BATCH_OPTIONS: OptionNames<TransformBatchOptions> = {
  context: 'optional',
  output: 'optional',
  concurrency: 'optional',
};

/**
 * Decodes and transforms images into one batch, [B, height, width, 3].
 *
 * @throws InputError for the first image that cannot be used; the message says which
 * @throws ConfigError if bytes are asked of a transform that has no `intoBytes`
 */
export async function transformBatch(
  images: readonly (ImageSource | RgbImage)[],
  transform: ImageTransform,
  options: TransformBatchOptions = {},
): Promise<PixelBatch> {
  checkList('preprocess.transformBatch', 'the images', images);
  checkMethods('preprocess.transformBatch', transform, ['into'], 'compose() or imageTransform() makes one');
  checkOptions('preprocess.transformBatch', options, TRANSFORM_BATCH_OPTIONS);
  const { context = plainSample, output = 'float32', concurrency = 4 } = options;
  const [height, width, channels] = transform.outputShape;
  const size = height * width * channels;
  const shape = [images.length, height, width, channels] as const;
  const contextOf = (index: number): SampleContext => ({ ...context, item: context.item + index });
  if (output === 'uint8') {
    if (!isPipeline(transform)) {
      throw new ConfigError({
        where: 'preprocess.transformBatch',
        expected: "a transform made by compose or imageTransform for output 'uint8'",
        got: 'a transform without intoBytes',
      });
    }
    const data = new Uint8Array(images.length * size);
    await forEachImage(images, concurrency, (image, i) => transform.intoBytes(image, data, i * size, contextOf(i)));
    return { data, shape, normalize: transform.normalization };
  }
  const data = new Float32Array(images.length * size);
  await forEachImage(images, concurrency, (image, i) => transform.into(image, data, i * size, contextOf(i)));
  return { data, shape };
}

function isPipeline(transform: ImageTransform): transform is ImagePipeline {
  return 'intoBytes' in transform && 'normalization' in transform;
}

async function forEachImage<T>(
  images: readonly T[],
  concurrency: number,
  work: (image: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < images.length && !failed) {
      const index = next++;
      try {
        await work(images[index]!, index);
      } catch (error) {
        failed = true;
        if (!isDiptychError(error) || error.code !== 'input') throw error;
        throw new InputError(
          { where: `image ${index} of the batch`, problem: error.message, remedy: undefined },
          { cause: error },
        );
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, concurrency) }, worker));
}
