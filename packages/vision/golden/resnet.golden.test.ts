import { inference } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import { loadState } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ResNet } from '../src/index.js';
import {
  BACKENDS,
  checkGolden,
  type Float32Error,
  family,
  openFile,
  readJsonFile,
  tensorOf,
  toNCHW,
  toNHWC,
} from './fixtures.js';

const folder = family('resnet');

interface Case {
  readonly block: 'BasicBlock' | 'Bottleneck';
  readonly layers: readonly number[];
  readonly width: number;
  readonly num_classes: number;
  readonly float32_error: Float32Error;
}
const cases = readJsonFile<Record<string, Case>>(folder, 'meta.json');

const runs = BACKENDS.flatMap((backend) => Object.entries(cases).map(([name, meta]) => [name, backend, meta] as const));

describe.each(runs)('golden resnet: %s on %s', (name, backend, meta) => {
  const expected = openFile(folder, `${name}.expected.safetensors`);
  let model: ResNet;
  let pixels: tf.Tensor4D;

  beforeAll(async () => {
    await tf.setBackend(backend);
    const block = meta.block === 'BasicBlock' ? 'basic' : 'bottleneck';
    model = new ResNet({ block, layers: meta.layers, width: meta.width }, { embedDim: meta.num_classes });
    loadState(model, openFile(folder, `${name}.state.safetensors`));
    pixels = tf.tidy(() => toNHWC(tensorOf(expected, 'input')));
  });
  afterAll(() => {
    model.dispose();
    pixels.dispose();
  });

  /** The family's shares: 1e-5 in eval mode, 1e-4 in train mode and for gradients. */
  const check = (key: string, actual: tf.Tensor) =>
    checkGolden(expected, meta.float32_error, key, actual, key.startsWith('eval.') ? 1e-5 : 1e-4);

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
      const parameters = Array.from(model.namedParameters());
      const r = tensorOf(expected, 'r');
      const run = (x: tf.Tensor4D) => tf.sum(tf.mul(model.encode(x, training).pooled, r)) as tf.Scalar;
      const statistics = Array.from(model.namedBuffers(), ([key, buffer]) => [key, buffer, tf.clone(buffer)] as const);
      const restore = () => {
        for (const [, buffer, before] of statistics) buffer.assign(before);
      };

      check('train.output', model.encode(pixels, training).pooled);
      for (const [key, buffer] of statistics) check(`after.${key}`, buffer);
      restore();
      check('grad.input', toNCHW(tf.grad(run)(pixels)));
      restore();
      const { grads } = tf.variableGrads(
        () => run(pixels),
        parameters.map(([, variable]) => variable),
      );
      for (const [key, variable] of parameters) check(`grad.${key}`, grads[variable.name]!);
      const checked = [...parameters.map(([key]) => `grad.${key}`), ...statistics.map(([key]) => `after.${key}`)];
      const listed = Object.keys(meta.float32_error).filter((key) => /^(grad|after)\./.test(key));
      expect(checked.sort()).toEqual(listed.filter((key) => key !== 'grad.input').sort());
      restore();
    });
  });
});
