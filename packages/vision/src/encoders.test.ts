import '@tensorflow/tfjs-backend-cpu';
import { type ImageEncoder, inference } from '@diptych/core';
import { BlankGenerator, randomStream } from '@diptych/nn';
import { testEncoder } from '@diptych/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { SMALL_ENCODERS } from '../test/small-encoders.js';
import { IMAGE_ENCODER_KINDS, imageEncoderFrom, ResNet } from './index.js';

const pixels = (batch: number, size: number, noise = 1) =>
  tf.randomNormal([batch, size, size, 3], 0, 1, 'float32', noise) as tf.Tensor4D;

describe.each(Object.entries(SMALL_ENCODERS))('%s', (name, { make, size, tokens }) => {
  testEncoder({ describe, it }, `${name}: contract`, {
    create: make,
    input: (batch, noise) => pixels(batch, size, noise),
  });

  it('has a token for each place of its grid, of the width it says', () => {
    const encoder = make();
    tf.tidy(() => {
      const { pooled, sequence, mask } = encoder.encode(pixels(2, size), inference);
      expect(pooled.shape).toEqual([2, encoder.embedDim]);
      expect(sequence.shape).toEqual([2, tokens, encoder.embedDim]);
      expect(mask).toBeUndefined();
    });
    encoder.dispose();
  });

  it('is built again from its description, as JSON', () => {
    const encoder = make();
    const description = JSON.parse(JSON.stringify(encoder.describe!()));
    expect(IMAGE_ENCODER_KINDS).toContain(description.kind);
    const again = imageEncoderFrom(description, new BlankGenerator());
    const shapes = (model: ImageEncoder) =>
      Array.from(model.namedParameters(), ([key, { shape }]) => `${key} ${shape}`);
    expect(shapes(again)).toEqual(shapes(encoder));
    expect(again.describe!()).toEqual(encoder.describe!());
    encoder.dispose();
    again.dispose();
  });

  it('says what to do about channels-first pictures', () => {
    const encoder = make();
    const wrong = tf.zeros([1, 3, size, size]) as tf.Tensor4D;
    expect(() => encoder.encode(wrong, inference)).toThrow('channels come last in tfjs');
    encoder.dispose();
    wrong.dispose();
  });
});

it('keeps running statistics of frozen batch normalisations in training', () => {
  const encoder = new ResNet({ block: 'basic', layers: [1, 1, 1, 1], width: 4 }, { seed: 5 });
  const training = { training: true, random: randomStream(0, 0) } as const;
  const statistics = () => Array.from(encoder.namedBuffers(), ([, buffer]) => Array.from(buffer.dataSync()));
  const before = statistics();
  for (const [, module] of encoder.namedModules()) if ('frozen' in module) module.frozen = true;
  tf.tidy(() => void encoder.encode(pixels(2, 32), training));
  expect(statistics()).toEqual(before);
  for (const [, module] of encoder.namedModules()) if ('frozen' in module) module.frozen = false;
  tf.tidy(() => void encoder.encode(pixels(2, 32), training));
  for (const [index, values] of statistics().entries()) expect(values).not.toEqual(before[index]);
  encoder.dispose();
});
