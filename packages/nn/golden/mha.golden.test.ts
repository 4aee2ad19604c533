import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import {
  checkGolden,
  type Float32Error,
  goldenBackends,
  goldenTensor,
  openGolden,
  readGoldenJson,
} from '@diptych/testing/node';
import { loadState, selectPrefix } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Generator, MultiheadAttention } from '../src/index.js';

interface Case {
  readonly embed_dim: number;
  readonly num_heads: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly float32_error: Float32Error;
}
const cases = readGoldenJson<Record<string, Case>>('mha');
const runs = goldenBackends().flatMap((backend) => Object.keys(cases).map((name) => [name, backend] as const));

describe.each(runs)('golden mha: %s on %s', (name, backend) => {
  const { embed_dim: embedDim, num_heads: numHeads, kdim, vdim, float32_error: float32Error } = cases[name]!;
  const file = openGolden('mha', `${name}.safetensors`);
  const tensorOf = (key: string) => goldenTensor(file, key);
  const check = (key: string, actual: tf.Tensor) => checkGolden(file, key, actual, { float32Error });
  let attention: MultiheadAttention;

  beforeAll(async () => {
    await tf.setBackend(backend);
    attention = new MultiheadAttention(embedDim, numHeads, { generator: new Generator(), kdim, vdim });
    loadState(attention, file, { adapter: selectPrefix('weight.') });
  });
  afterAll(() => attention.dispose());

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
      const listed = Object.keys(float32Error).filter((key) => key.startsWith('grad.'));
      expect(inputNames.length + parameters.length).toBe(listed.length);
    });
  });
});
