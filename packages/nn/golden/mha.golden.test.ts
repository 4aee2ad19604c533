import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { inference } from '@diptych/core';
import { loadState, parseSafetensors, selectPrefix } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Generator, MultiheadAttention } from '../src/index.js';

const folder = resolve(process.env.DIPTYCH_GOLDEN ?? resolve(import.meta.dirname, '../../../golden'), 'mha');

interface Case {
  readonly embed_dim: number;
  readonly num_heads: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly float32_error: Readonly<Record<string, readonly [number, number]>>;
}
const cases = JSON.parse(readFileSync(resolve(folder, 'meta.json'), 'utf8')) as Record<string, Case>;
const runs = (['cpu', 'onnxruntime'] as const).flatMap((backend) =>
  Object.keys(cases).map((name) => [name, backend] as const),
);

it('has a file for each case', () => {
  expect(Object.keys(cases).filter((name) => !existsSync(resolve(folder, `${name}.safetensors`)))).toEqual([]);
});

describe.each(runs)('golden mha: %s on %s', (name, backend) => {
  const { embed_dim: embedDim, num_heads: numHeads, kdim, vdim, float32_error: errors } = cases[name]!;
  const file = parseSafetensors(readFileSync(resolve(folder, `${name}.safetensors`)), name);
  const tensorOf = (key: string) => {
    const { data, shape, dtype } = file.read(key);
    return tf.tensor(data, [...shape], dtype === 'int32' ? 'int32' : 'float32');
  };
  let attention: MultiheadAttention;

  beforeAll(async () => {
    await tf.setBackend(backend);
    attention = new MultiheadAttention(embedDim, numHeads, { generator: new Generator(), kdim, vdim });
    loadState(attention, file, { adapter: selectPrefix('weight.') });
  });
  afterAll(() => attention.dispose());

  /** The rule of golden/README.md: 10 times torch's own float32 error, plus 1e-6 of the largest value. */
  function check(key: string, actual: tf.Tensor): void {
    const { data: wanted, shape } = file.read(key);
    expect(actual.shape, key).toEqual([...shape]);
    const worst = Array.from(actual.dataSync()).reduce((most, value, i) => {
      const difference = Math.abs(value - wanted[i]!);
      return difference > most || Number.isNaN(difference) ? difference : most;
    }, 0);
    const [error, largest] = errors[key]!;
    // The key third of in_proj_bias has a gradient of zero, which comes out as noise.
    const noise = key.endsWith('in_proj_bias') ? 1e-5 : 0;
    expect(worst, key).toBeLessThanOrEqual(Math.max(10 * error + 1e-6 * largest, noise));
  }

  /** The fixture's inputs: the fusion's two vectors, or query, key and value. */
  const inputNames = file.infos.has('input.image') ? ['image', 'text'] : ['query', 'key', 'value'];
  function attend(inputs: tf.Tensor[], averageWeights: boolean) {
    const sequences = inputNames[0] === 'image' ? Array(3).fill(tf.stack(inputs, 1)) : inputs;
    const [query, key, value] = sequences as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
    const masked = file.infos.has('input.key_padding_mask');
    const keyPaddingMask = masked ? (tensorOf('input.key_padding_mask') as tf.Tensor2D) : undefined;
    return attention.forward(query, key, value, { keyPaddingMask, averageWeights }, inference);
  }
  const inputs = () => inputNames.map((input) => tensorOf(`input.${input}`));

  it('output and weights', () => {
    tf.tidy(() => {
      const { output, weights } = attend(inputs(), true);
      check('output.attn_output', output);
      check('output.attn_weights', weights!);
      check('output.attn_weights_per_head', attend(inputs(), false).weights!);
    });
  });

  it('gradients of inputs and parameters', () => {
    tf.tidy(() => {
      const r = tensorOf('input.r');
      const loss = (...given: tf.Tensor[]) => tf.sum(tf.mul(attend(given, true).output, r)) as tf.Scalar;
      const ofInputs = tf.grads(loss)(inputs());
      for (const [i, input] of inputNames.entries()) check(`grad.input.${input}`, ofInputs[i]!);
      const { grads } = tf.variableGrads(() => loss(...inputs()));
      const parameters = [...attention.namedParameters()];
      for (const [key, parameter] of parameters) check(`grad.weight.${key}`, grads[parameter.name]!);
      const listed = Object.keys(errors).filter((key) => key.startsWith('grad.'));
      expect(inputNames.length + parameters.length).toBe(listed.length);
    });
  });
});
