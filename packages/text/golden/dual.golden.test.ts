import { resolve } from 'node:path';
import { inference } from '@diptych/core';
import { folderSource } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClipText, SiglipText } from '../src/index.js';
import {
  BACKENDS,
  checkGolden,
  type Float32Error,
  family,
  gradientsOf,
  inputOf,
  openFile,
  readJsonFile,
  tensorOf,
} from './fixtures.js';

const folder = family('dual');
const meta = readJsonFile<Record<string, { float32_error: Float32Error }>>(folder, 'meta.json');
const TOWERS: Readonly<Record<string, typeof ClipText | typeof SiglipText>> = { clip: ClipText, siglip: SiglipText };
const runs = BACKENDS.flatMap((backend) => Object.keys(meta).map((name) => [name, backend] as const));

describe.each(runs)('golden dual, text: %s on %s', (name, backend) => {
  const errors = meta[name]!.float32_error;
  const expected = openFile(folder, `${name}.expected.safetensors`);
  const check = (key: string, actual: tf.Tensor) => checkGolden(expected, errors, key, actual);
  let tower: ClipText | SiglipText;

  beforeAll(async () => {
    await tf.setBackend(backend);
    tower = await TOWERS[name]!.fromPretrained(folderSource(resolve(folder, name)));
  });
  afterAll(() => tower.dispose());

  it('loads its half of the checkpoint', () => {
    const { report } = tower.pretrained!;
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
      const r = tensorOf(expected, 'r.text');
      const gradients = gradientsOf(tower.namedParameters(), () => tower.encode(input, inference).pooled, r);
      for (const [key, gradient] of gradients) check(`grad.text.${key}`, gradient);
      const listed = Object.keys(errors).filter((key) => key.startsWith('grad.text.'));
      expect(gradients.length).toBe(listed.length);
    });
  });
});
