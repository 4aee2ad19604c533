import '@tensorflow/tfjs-backend-cpu';
import { expect, it } from 'vitest';
import { BlankGenerator } from './blank-generator.js';
import { kaimingUniform, truncatedNormal } from './init.js';

it('makes zeros with every initialiser', () => {
  const generator = new BlankGenerator();
  expect(Array.from(kaimingUniform([2, 2], generator).dataSync())).toEqual([0, 0, 0, 0]);
  expect(Array.from(truncatedNormal()([3], generator).dataSync())).toEqual([0, 0, 0]);
});
