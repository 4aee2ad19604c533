import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import {
  checkGolden,
  type Float32Error,
  goldenBackends,
  goldenTolerance,
  largestDifference,
  openGolden,
  readGoldenJson,
} from '@diptych/testing/node';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { AdamW } from '../src/index.js';

interface Meta {
  readonly steps: number;
  readonly base_lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly max_norm: number;
  readonly lr: readonly number[];
  readonly groups: readonly { readonly params: readonly string[]; readonly weight_decay: number }[];
  readonly float32_error: Float32Error;
}

const meta = readGoldenJson<Meta>('adamw');

describe.each(goldenBackends())('golden adamw on %s', (backend) => {
  it('follows torch.optim.AdamW through every step', async () => {
    await tf.setBackend(backend);
    const file = openGolden('adamw', 'trajectory.safetensors');
    const names = [...file.infos.keys()].flatMap((key) => (key.startsWith('initial.') ? [key.slice(8)] : []));
    const parameters = names.map((name): [string, tf.Variable] => {
      const { data, shape } = file.read(`initial.${name}`);
      return [name, tf.variable(tf.tensor(data, [...shape]))];
    });
    const optimizer = new AdamW({
      learningRate: meta.base_lr,
      betas: meta.betas,
      eps: meta.eps,
      decayOn: 'all',
      groups: meta.groups.flatMap(({ params, weight_decay }) =>
        params.map((match) => ({ match, weightDecay: weight_decay })),
      ),
    });
    optimizer.bind(parameters);
    const norms = file.read('grad_norm').data;
    const at = (key: string, step: number) => {
      const { data, shape } = file.read(key);
      const size = data.length / meta.steps;
      return { data: data.slice(step * size, (step + 1) * size), shape: shape.slice(1) };
    };
    for (let step = 0; step < meta.steps; step++) {
      const gradients = Object.fromEntries(
        names.map((name) => {
          const { data, shape } = at(`grad.${name}`, step);
          return [name, tf.tensor(data, shape)];
        }),
      );
      const factor = meta.lr[step]! / meta.base_lr;
      const norm = optimizer.step(gradients, { factor, clipNorm: meta.max_norm });
      expect(norm.dataSync()[0]! / norms[step]!).toBeCloseTo(1, 5);
      for (const [name, variable] of parameters) {
        const tolerance = Math.max(5e-6, goldenTolerance(meta.float32_error[`param.${name}`]!));
        const { error } = largestDifference(variable.dataSync(), at(`param.${name}`, step).data);
        expect(error, `${name} after step ${step}`).toBeLessThanOrEqual(tolerance);
      }
    }
    for (const [key, moment] of optimizer.namedState()) {
      checkGolden(file, key, moment, { float32Error: meta.float32_error });
    }
  });
});
