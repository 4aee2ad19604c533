import type { ImageTransform, SampleContext } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { expect, it } from 'vitest';
import { picture } from '../../test/picture.js';
import { normalize } from './normalize.js';
import { compose } from './pipeline.js';
import { randomShift } from './random-shift.js';
import { resize } from './resize.js';
import { toTensor } from './to-tensor.js';
import { transformBatch } from './transform-batch.js';

const transform = compose([resize([6, 8]), randomShift({ pixels: 2 }), toTensor(), normalize('half')]);
const images = Array.from({ length: 9 }, (_, i) => picture(10 + i, 12));
const context: SampleContext = { training: true, seed: 1, epoch: 0, item: 100 };

it('lays the images out one behind the other, whatever the concurrency', async () => {
  const { data, shape } = await transformBatch(images, transform, { context });
  expect(shape).toEqual([9, 6, 8, 3]);
  for (const [i, image] of images.entries()) {
    const alone = await transform.apply(image, { ...context, item: 100 + i });
    expect(data.subarray(i * 144, (i + 1) * 144)).toEqual(alone.data);
  }
  expect((await transformBatch(images, transform, { context, concurrency: 1 })).data).toEqual(data);
});

it('gives bytes and what is left to do', async () => {
  const floats = await transformBatch(images, transform, { context });
  const { data, normalize: rest } = await transformBatch(images, transform, { context, output: 'uint8' });
  expect(data).toBeInstanceOf(Uint8Array);
  for (const [i, byte] of data.entries()) {
    expect((byte / 255 - rest!.mean[i % 3]!) / rest!.std[i % 3]!).toBeCloseTo(floats.data[i]!, 5);
  }
});

it('is normalised on the device to the same floats', async () => {
  const floats = await transformBatch(images, transform, { context });
  const { data, shape, normalize: rest } = await transformBatch(images, transform, { context, output: 'uint8' });
  const pixels = tf.tidy(() =>
    tf.div(tf.sub(tf.div(tf.tensor(data, [...shape], 'float32'), 255), [...rest!.mean]), [...rest!.std]),
  );
  expect(pixels.dataSync()).toEqual(floats.data);
  pixels.dispose();
});

it('takes any transform, but bytes of pipelines only', async () => {
  const mine: ImageTransform = {
    outputShape: [1, 1, 3],
    into: async (_, target, offset) => {
      target.fill(7, offset, offset + 3);
    },
    describe: () => ({ kind: 'mine', options: {} }),
  };
  expect(Array.from((await transformBatch(images.slice(0, 2), mine)).data)).toEqual([7, 7, 7, 7, 7, 7]);
  await expect(transformBatch(images, mine, { output: 'uint8' })).rejects.toThrow(/a transform without intoBytes/);
  expect((await transformBatch([], mine)).shape).toEqual([0, 1, 1, 3]);
});
