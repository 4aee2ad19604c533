import { resolve } from 'node:path';
import { inference } from '@diptych/core';
import {
  checkGolden,
  type Float32Error,
  goldenFamily,
  goldenGradients,
  goldenTensor,
  openGolden,
  readGoldenJson,
} from '@diptych/testing/node';
import { folderSource } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClipText, SiglipText } from '../src/index.js';
import { BACKENDS, inputOf } from './fixtures.js';

const meta = readGoldenJson<Record<string, { float32_error: Float32Error }>>('dual');
const TOWERS: Readonly<Record<string, typeof ClipText | typeof SiglipText>> = { clip: ClipText, siglip: SiglipText };
const runs = BACKENDS.flatMap((backend) => Object.keys(meta).map((name) => [name, backend] as const));

describe.each(runs)('golden dual, text: %s on %s', (name, backend) => {
  const { float32_error: float32Error } = meta[name]!;
  const expected = openGolden('dual', `${name}.expected.safetensors`);
  const check = (key: string, actual: tf.Tensor) => checkGolden(expected, key, actual, { float32Error });
  let tower: ClipText | SiglipText;

  beforeAll(async () => {
    await tf.setBackend(backend);
    tower = await TOWERS[name]!.fromPretrained(folderSource(resolve(goldenFamily('dual'), name)));
  });
  afterAll(() => tower.dispose());

  it('loads its half of the checkpoint', () => {
    const report = tower.report!;
    expect(report.complete).toBe(true);
    expect(report.ignored.some((tensor) => tensor.startsWith('text_'))).toBe(false);
  });

  it('features, tokens and unit vectors', () => {
    tf.tidy(() => {
      const input = inputOf(expected);
      check('text.last_hidden_state', tower.hiddenState(input, inference));
      const { pooled } = tower.encode(input, inference);
      check('text_features', pooled);
      check('text_embeds', tf.div(pooled, tf.norm(pooled, 2, 1, true)));
    });
  });

  it('gradients of every parameter', () => {
    tf.tidy(() => {
      const input = inputOf(expected);
      const r = goldenTensor(expected, 'r.text');
      const gradients = goldenGradients(tower.namedParameters(), () => tower.encode(input, inference).pooled, r);
      for (const [key, gradient] of gradients) check(`grad.text.${key}`, gradient);
      const listed = Object.keys(float32Error).filter((key) => key.startsWith('grad.text.'));
      expect(gradients.length).toBe(listed.length);
    });
  });
});
