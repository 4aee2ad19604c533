import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { inference } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import { loadState, parseSafetensors, type Safetensors } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ResNet } from '../src/index.js';

const folder = resolve(process.env.DIPTYCH_GOLDEN ?? resolve(import.meta.dirname, '../../../golden'), 'resnet');

interface Case {
  readonly block: 'BasicBlock' | 'Bottleneck';
  readonly layers: readonly number[];
  readonly width: number;
  readonly num_classes: number;
  readonly float32_error: Readonly<Record<string, readonly [number, number]>>;
}
const cases = JSON.parse(readFileSync(resolve(folder, 'meta.json'), 'utf8')) as Record<string, Case>;
const open = (file: string): Safetensors => parseSafetensors(readFileSync(resolve(folder, file)));

describe.each(Object.entries(cases))('golden resnet: %s', (name, meta) => {
  let expected: Safetensors;
  let model: ResNet;
  let pixels: tf.Tensor4D;

  beforeAll(async () => {
    await tf.setBackend('cpu');
    expected = open(`${name}.expected.safetensors`);
    const block = meta.block === 'BasicBlock' ? 'basic' : 'bottleneck';
    model = new ResNet({ block, layers: meta.layers, width: meta.width }, { embedDim: meta.num_classes });
    loadState(model, open(`${name}.state.safetensors`));
    pixels = toNHWC(tensorOf('input') as tf.Tensor4D);
  });
  afterAll(() => {
    model.dispose();
    pixels.dispose();
  });

  const tensorOf = (key: string) => {
    const { data, shape } = expected.read(key);
    return tf.tensor(data as Float32Array, [...shape]);
  };
  const toNHWC = (x: tf.Tensor4D) => tf.tidy(() => tf.transpose(x, [0, 2, 3, 1]));
  const toNCHW = (x: tf.Tensor) => (x.rank === 4 ? tf.transpose(x, [0, 3, 1, 2]) : x);

  /** The rule of golden/README.md: 10 times torch's own float32 error, plus 1e-6 of the largest value. */
  function check(key: string, actual: tf.Tensor): void {
    const wanted = expected.read(key).data;
    const got = actual.dataSync();
    expect(got.length, key).toBe(wanted.length);
    let worst = 0;
    for (let i = 0; i < got.length; i++) worst = Math.max(worst, Math.abs(got[i]! - wanted[i]!));
    const [error, largest] = meta.float32_error[key]!;
    expect(worst, key).toBeLessThanOrEqual(10 * error + 1e-6 * largest);
  }

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
      const r = tensorOf('r');
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
