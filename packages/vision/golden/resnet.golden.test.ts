import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import {
  checkGolden,
  type Float32Error,
  goldenBackends,
  goldenGradients,
  goldenTensor,
  openGolden,
  readGoldenJson,
} from '@diptych/testing/node';
import { loadState } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ResNet } from '../src/index.js';
import { toNCHW, toNHWC } from './layout.js';

interface Case {
  readonly block: 'BasicBlock' | 'Bottleneck';
  readonly layers: readonly number[];
  readonly width: number;
  readonly num_classes: number;
  readonly float32_error: Float32Error;
}
const cases = readGoldenJson<Record<string, Case>>('resnet');

const runs = goldenBackends().flatMap((backend) =>
  Object.entries(cases).map(([name, meta]) => [name, backend, meta] as const),
);

describe.each(runs)('golden resnet: %s on %s', (name, backend, meta) => {
  const expected = openGolden('resnet', `${name}.expected.safetensors`);
  let model: ResNet;
  let pixels: tf.Tensor4D;

  beforeAll(async () => {
    await tf.setBackend(backend);
    const block = meta.block === 'BasicBlock' ? 'basic' : 'bottleneck';
    model = new ResNet({ block, layers: meta.layers, width: meta.width }, { embedDim: meta.num_classes });
    loadState(model, openGolden('resnet', `${name}.state.safetensors`));
    pixels = tf.tidy(() => toNHWC(goldenTensor(expected, 'input')));
  });
  afterAll(() => {
    model.dispose();
    pixels.dispose();
  });

  /** The family's shares: 1e-5 in eval mode, 1e-4 in train mode and for gradients. */
  const check = (key: string, actual: tf.Tensor) =>
    checkGolden(expected, key, actual, {
      float32Error: meta.float32_error,
      relative: key.startsWith('eval.') ? 1e-5 : 1e-4,
    });

  it('every stage in eval mode', () => {
    tf.tidy(() => {
      const stages = model.stages(pixels, inference);
      for (const [stage, value] of Object.entries(stages)) check(`eval.${stage}`, toNCHW(value));
      const { pooled, sequence } = model.encode(pixels, inference);
      check('eval.output', pooled);
      check('eval.output', tf.mean(sequence, 1));
    });
  });

  it('output, gradients and running statistics in train mode', () => {
    tf.tidy(() => {
      const training = { training: true, random: randomStream(0, 0) } as const;
      const r = goldenTensor(expected, 'r');
      const run = (x: tf.Tensor4D) => model.encode(x, training).pooled;
      const statistics = Array.from(model.namedBuffers(), ([key, buffer]) => [key, buffer, tf.clone(buffer)] as const);
      const restore = () => {
        for (const [, buffer, before] of statistics) buffer.assign(before);
      };

      check('train.output', model.encode(pixels, training).pooled);
      for (const [key, buffer] of statistics) check(`after.${key}`, buffer);
      restore();
      check('grad.input', toNCHW(tf.grad((x) => tf.sum(tf.mul(run(x as tf.Tensor4D), r)))(pixels)));
      restore();
      const gradients = goldenGradients(model.namedParameters(), () => run(pixels), r);
      for (const [key, gradient] of gradients) check(`grad.${key}`, gradient);
      const checked = [...gradients.map(([key]) => `grad.${key}`), ...statistics.map(([key]) => `after.${key}`)];
      const listed = Object.keys(meta.float32_error).filter((key) => /^(grad|after)\./.test(key));
      expect(checked.sort()).toEqual(listed.filter((key) => key !== 'grad.input').sort());
      restore();
    });
  });
});
