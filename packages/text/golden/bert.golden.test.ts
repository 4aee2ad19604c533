import { inference } from '@diptych/core';
import { BlankGenerator } from '@diptych/nn';
import {
  checkGolden,
  type Float32Error,
  goldenFamily,
  goldenGradients,
  goldenTensor,
  openGolden,
  readGoldenJson,
} from '@diptych/testing/node';
import { adapters, loadState } from '@diptych/weights';
import { folderSource } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bert } from '../src/index.js';
import { BACKENDS, inputOf } from './fixtures.js';

const { float32_error: float32Error } = readGoldenJson<{ float32_error: Float32Error }>('bert');
const STATES = ['state.safetensors', 'state_published_names.safetensors'];
const runs = BACKENDS.flatMap((backend) => STATES.map((state) => [state, backend] as const));

describe.each(runs)('golden bert: %s on %s', (state, backend) => {
  const expected = openGolden('bert', 'expected.safetensors');
  const check = (key: string, actual: tf.Tensor) => checkGolden(expected, key, actual, { float32Error });
  let bert: Bert;

  beforeAll(async () => {
    await tf.setBackend(backend);
    bert = await Bert.fromPretrained(folderSource(goldenFamily('bert')), { pooling: 'pooler', file: state });
  });
  afterAll(() => bert.dispose());

  it('loads every tensor, and leaves out only the heads of pre-training', () => {
    const report = bert.report!;
    expect(report.complete).toBe(true);
    expect(report.ignored.every((name) => name.startsWith('cls.'))).toBe(true);
    expect(report.loaded.length).toBe([...bert.namedParameters()].length);
  });

  it('hidden states and pooled output', () => {
    tf.tidy(() => {
      const input = inputOf(expected);
      const states = bert.hiddenStates(input, inference);
      for (const [i, hidden] of states.entries()) check(`hidden_states.${i}`, hidden);
      const listed = Object.keys(float32Error).filter((key) => key.startsWith('hidden_states.'));
      expect(states.length).toBe(listed.length);
      const { pooled, sequence } = bert.encode(input, inference);
      check('last_hidden_state', sequence);
      check('pooler_output', pooled);
    });
  });

  it('gradients of every parameter', () => {
    tf.tidy(() => {
      const input = inputOf(expected);
      const r = goldenTensor(expected, 'r');
      const gradients = goldenGradients(bert.namedParameters(), () => bert.encode(input, inference).pooled, r);
      for (const [name, gradient] of gradients) check(`grad.${name}`, gradient);
      const listed = Object.keys(float32Error).filter((key) => key.startsWith('grad.'));
      expect(gradients.length).toBe(listed.length);
    });
  });

  it('does not depend on which of the two names the weights have', () => {
    const other = new Bert(bert.config, { pooling: 'pooler', generator: new BlankGenerator() });
    loadState(other, openGolden('bert', STATES[0]!), { adapter: adapters.bert });
    tf.tidy(() => {
      const input = inputOf(expected);
      const difference = tf.sub(bert.encode(input, inference).pooled, other.encode(input, inference).pooled);
      expect(tf.max(tf.abs(difference)).dataSync()[0]).toBe(0);
    });
    other.dispose();
  });
});
