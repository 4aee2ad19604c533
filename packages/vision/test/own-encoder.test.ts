import '@tensorflow/tfjs-backend-cpu';
import '@diptych/nn';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { testEncoder } from '@diptych/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { colourGrid } from './own-encoder.js';

testEncoder({ describe, it }, 'an encoder of your own', {
  create: () => colourGrid(8),
  input: (batch, noise) => tf.randomNormal([batch, 32, 32, 3], 0, 1, 'float32', noise),
});

it('stands in the README as it was tested, in fewer than 20 lines', () => {
  const source = readFileSync(resolve(import.meta.dirname, 'own-encoder.ts'), 'utf8');
  expect(readFileSync(resolve(import.meta.dirname, '../README.md'), 'utf8')).toContain(source);
  const body = source.slice(source.indexOf('export function'));
  expect(body.trim().split('\n').length).toBeLessThan(20);
});
