import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { ConfigError } from '@diptych/core';
import { goldenBackends } from '@diptych/testing/node';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { infoNCE, matchingLoss, matchingLossTwoClasses, sigLIP, triplet } from '../src/index.js';
import {
  type Float32Error,
  family,
  openFile,
  readJsonFile,
  tensorOf,
  toleranceOf,
  worstDifference,
} from './fixtures.js';

const folder = family('losses');
const meta = readJsonFile<Record<string, { readonly float32_error: Float32Error }>>(folder, 'meta.json');

type Inputs = Readonly<Record<string, tf.Tensor>>;

/** The loss of a case, by the beginning of its name; the longest beginning counts. */
const LOSSES: Readonly<Record<string, (inputs: Inputs) => tf.Scalar>> = {
  infonce: ({ image, text, logit_scale, ids }) =>
    infoNCE(image as tf.Tensor2D, text as tf.Tensor2D, logit_scale as tf.Scalar, { ids: ids as tf.Tensor1D }),
  siglip: ({ image, text, logit_scale, logit_bias }) =>
    sigLIP(image as tf.Tensor2D, text as tf.Tensor2D, logit_scale as tf.Scalar, logit_bias as tf.Scalar),
  triplet_sum: ({ image, text }) => triplet(image as tf.Tensor2D, text as tf.Tensor2D, { margin: 0.2, hinges: 'sum' }),
  triplet_max: ({ image, text }) => triplet(image as tf.Tensor2D, text as tf.Tensor2D, { margin: 0.2, hinges: 'max' }),
  itm_one_logit: ({ fused, weight, bias, labels }) => {
    const logits = tf.add(tf.matMul(fused as tf.Tensor2D, weight as tf.Tensor2D, false, true), bias!);
    return matchingLoss(tf.reshape(logits, [-1]) as tf.Tensor1D, tf.cast(labels!, 'float32') as tf.Tensor1D);
  },
  itm_two_class: ({ fused, weight, bias, labels }) => {
    const logits = tf.add(tf.matMul(fused as tf.Tensor2D, weight as tf.Tensor2D, false, true), bias!);
    return matchingLossTwoClasses(logits as tf.Tensor2D, labels as tf.Tensor1D);
  },
};

function lossOf(name: string): (inputs: Inputs) => tf.Scalar {
  const known = Object.keys(LOSSES).filter((key) => name.startsWith(key));
  if (known.length === 0) throw new ConfigError({ where: `golden losses: ${name}`, problem: 'no such loss' });
  return LOSSES[known.sort((a, b) => b.length - a.length)[0]!]!;
}

describe.each(goldenBackends())('golden losses on %s', (backend) => {
  it.each(Object.entries(meta))('%s', async (name, { float32_error: errors }) => {
    await tf.setBackend(backend);
    const file = openFile(folder, `${name}.safetensors`);
    const keys = [...file.infos.keys()].flatMap((key) => (key.startsWith('input.') ? [key.slice(6)] : []));
    const inputs = Object.fromEntries(keys.map((key) => [key, tensorOf(file, `input.${key}`)]));
    const floats = keys.filter((key) => inputs[key]!.dtype === 'float32');
    const compute = lossOf(name);
    const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) =>
      compute({ ...inputs, ...Object.fromEntries(floats.map((key, i) => [key, args[i]!])) }),
    )(floats.map((key) => inputs[key]!));

    const wanted = file.read('loss').data[0]!;
    expect(Math.abs(value.dataSync()[0]! - wanted), 'loss').toBeLessThanOrEqual(
      Math.max(1e-5 * Math.abs(wanted), toleranceOf(errors.loss!)),
    );
    for (const [i, key] of floats.entries()) {
      const expected = file.read(`grad.${key}`);
      const got = Float32Array.from(grads[i]!.dataSync());
      const zeroRows = key === 'image' || key === 'text' ? rowsOfZeros(file.read(`input.${key}`)) : [];
      const want = Float32Array.from(expected.data);
      // by choice a zero vector gets no gradient (torch: the incoming one divided by 1e-12)
      for (const row of zeroRows) {
        const width = expected.shape[1]!;
        expect(
          got.subarray(row * width, (row + 1) * width).every((v) => v === 0),
          `${key} row ${row}`,
        ).toBe(true);
        want.fill(0, row * width, (row + 1) * width);
      }
      const largest = zeroRows.length > 0 ? Math.max(...want.map(Math.abs)) : errors[`grad.${key}`]![1];
      const tolerance =
        zeroRows.length > 0 ? 1e-5 * largest : Math.max(1e-5 * largest, toleranceOf(errors[`grad.${key}`]!));
      expect(worstDifference(got, want), `grad.${key}`).toBeLessThanOrEqual(tolerance);
    }
  });
});

function rowsOfZeros({
  data,
  shape,
}: {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}): number[] {
  const [rows, width] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => row).filter((row) =>
    Array.from({ length: width }, (_, column) => data[row * width + column]!).every((value) => value === 0),
  );
}
