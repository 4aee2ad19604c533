import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { ConfigError } from '@diptych/core';
import {
  checkGolden,
  type Float32Error,
  goldenBackends,
  goldenTensor,
  openGolden,
  readGoldenJson,
} from '@diptych/testing/node';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { infoNCE, matchingLoss, matchingLossTwoClasses, sigLIP, triplet } from '../src/index.js';

const meta = readGoldenJson<Record<string, { readonly float32_error: Float32Error }>>('losses');

type Inputs = Readonly<Record<string, tf.Tensor>>;

/** The loss of a case, by the beginning of its name; the longest beginning counts. */
const LOSSES: Readonly<Record<string, (inputs: Inputs) => tf.Scalar>> = {
  infonce: ({ image, text, logit_scale, ids }) =>
    infoNCE(image as tf.Tensor2D, text as tf.Tensor2D, logit_scale as tf.Scalar, { positives: ids as tf.Tensor1D }),
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
  it.each(Object.entries(meta))('%s', async (name, { float32_error: float32Error }) => {
    await tf.setBackend(backend);
    const file = openGolden('losses', `${name}.safetensors`);
    const keys = [...file.infos.keys()].flatMap((key) => (key.startsWith('input.') ? [key.slice(6)] : []));
    const inputs = Object.fromEntries(keys.map((key) => [key, goldenTensor(file, `input.${key}`)]));
    const floats = keys.filter((key) => inputs[key]!.dtype === 'float32');
    const compute = lossOf(name);
    const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) =>
      compute({ ...inputs, ...Object.fromEntries(floats.map((key, i) => [key, args[i]!])) }),
    )(floats.map((key) => inputs[key]!));

    checkGolden(file, 'loss', value, { float32Error, relative: 1e-5 });
    for (const [i, key] of floats.entries()) {
      const expected = file.read(`grad.${key}`);
      const got = Float32Array.from(grads[i]!.dataSync());
      const zeroRows = key === 'image' || key === 'text' ? rowsOfZeros(file.read(`input.${key}`)) : [];
      // by choice a zero vector gets no gradient (torch: the incoming one divided by 1e-12)
      const width = expected.shape[1] ?? 1;
      const others = Float32Array.from(expected.data);
      for (const row of zeroRows) {
        const [begin, end] = [row * width, (row + 1) * width];
        expect(
          got.subarray(begin, end).every((v) => v === 0),
          `${key} row ${row}`,
        ).toBe(true);
        got.set(expected.data.subarray(begin, end), begin);
        others.fill(0, begin, end);
      }
      const without = { [`grad.${key}`]: [0, others.reduce((most, v) => Math.max(most, Math.abs(v)), 0)] as const };
      const errors = zeroRows.length > 0 ? without : float32Error;
      checkGolden(file, `grad.${key}`, got, { float32Error: errors, relative: 1e-5 });
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
