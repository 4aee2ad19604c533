import { expect, it } from 'vitest';
import config from '../diptych.config.js';

it('trains the emoji from scratch, and data that the command line names on towers that can be had', () => {
  const { image, text, data } = config({});
  expect({ image, text }).toEqual({ image: 'scratch', text: 'scratch' });
  expect(data).toMatchObject({ name: 'emoji' });
  expect(config({ data: 'pairs.jsonl' })).not.toHaveProperty('image');
});
