import { describe, expect, it } from 'vitest';
import { type SampleContext, SampleRandom } from './random.js';

const context = (item: number, epoch = 0): SampleContext => ({ training: true, seed: 7, epoch, item });
const draw = (random: SampleRandom, count: number) => Array.from({ length: count }, () => random.uniform());

describe('SampleRandom', () => {
  it('depends on seed, epoch, item and site alone', () => {
    const first = draw(new SampleRandom(context(3), 1), 9);
    expect(draw(new SampleRandom(context(3), 1), 9)).toEqual(first);
    expect(draw(new SampleRandom(context(4), 1), 9)).not.toEqual(first);
    expect(draw(new SampleRandom(context(3, 1), 1), 9)).not.toEqual(first);
    expect(draw(new SampleRandom(context(3), 2), 9)).not.toEqual(first);
  });

  it('keeps to its bounds', () => {
    const random = new SampleRandom(context(0), 5);
    for (let i = 0; i < 1000; i++) {
      const x = random.uniform(-4, 4);
      expect(x >= -4 && x < 4).toBe(true);
      expect([0, 1, 2]).toContain(random.integer(3));
    }
  });

  it('is uniform', () => {
    const random = new SampleRandom(context(1), 5);
    const mean = draw(random, 20_000).reduce((sum, x) => sum + x, 0) / 20_000;
    expect(mean).toBeCloseTo(0.5, 2);
  });
});
