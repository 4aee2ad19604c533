import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import {
  BlankGenerator,
  Embedding,
  fans,
  Generator,
  generatorOf,
  type Initializer,
  kaimingNormal,
  kaimingUniform,
  normal,
  ones,
  truncatedNormal,
  uniform,
  xavierNormal,
  xavierUniform,
  zeros,
} from './index.js';

const SHAPE = [64, 32, 3, 3]; // fan in 288, fan out 576

function statistics(init: Initializer, shape = SHAPE) {
  const values = Float32Array.from(init(shape, new Generator(11)).dataSync());
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return { mean, std, largest, count: values.length };
}

describe('initialisers', () => {
  it("count fans as torch's _calculate_fan_in_and_fan_out", () => {
    expect(fans(SHAPE)).toEqual({ fanIn: 288, fanOut: 576 });
    expect(fans([10, 20])).toEqual({ fanIn: 20, fanOut: 10 });
  });

  it.each([
    ['kaimingNormal, fan in', kaimingNormal(), Math.sqrt(2 / 288)],
    ['kaimingNormal, fan out', kaimingNormal('fanOut'), Math.sqrt(2 / 576)],
    ['xavierNormal', xavierNormal(2), 2 * Math.sqrt(2 / 864)],
    ['normal', normal(0.3, 0), 0.3],
  ])('%s has its standard deviation', (_, init, expected) => {
    const { mean, std, count } = statistics(init);
    expect(Math.abs(std / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * count));
    expect(Math.abs(mean)).toBeLessThan((4 * expected) / Math.sqrt(count));
  });

  it.each([
    ['kaimingUniform', kaimingUniform, 1 / Math.sqrt(288)],
    ['xavierUniform', xavierUniform(), Math.sqrt(6 / 864)],
    ['uniform', uniform(-0.2, 0.2), 0.2],
  ])('%s fills its interval', (_, init, bound) => {
    const { std, largest, count } = statistics(init);
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(0.99 * bound);
    expect(Math.abs((std * Math.sqrt(3)) / bound - 1)).toBeLessThan(4 / Math.sqrt(count));
  });

  it('truncatedNormal stays within its cutoff and keeps the shape of the bell', () => {
    const { mean, std, largest, count } = statistics(truncatedNormal(0.02));
    expect(largest).toBeLessThanOrEqual(0.04);
    expect(std / 0.02).toBeCloseTo(0.8796, 1); // of a normal distribution cut at two deviations
    expect(Math.abs(mean)).toBeLessThan((4 * 0.02) / Math.sqrt(count));
  });

  it('zeros and ones', () => {
    expect([...zeros([2], new Generator()).dataSync(), ...ones([1], new Generator()).dataSync()]).toEqual([0, 0, 1]);
  });
});

describe('Generator', () => {
  it('repeats itself by seed and never within one', () => {
    const draw = (seed: number) => new Generator(seed).normal(1001);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    const generator = new Generator(1);
    expect(generator.uniform(8)).not.toEqual(generator.uniform(8));
  });

  it('gives two parts different numbers from one seed', () => {
    const first = (part?: string) => generatorOf({ seed: 3 }, part ?? '').normal(8);
    expect(first('a/b')).toEqual(first('a/b'));
    expect(first('a/b')).not.toEqual(first('a/c'));
    expect(first()).toEqual(new Generator(3).normal(8));
    const generator = new Generator(3);
    expect(generatorOf({ generator }, 'a/b')).toBe(generator);
  });

  it('draws zeros where a checkpoint will follow', () => {
    const blank = new BlankGenerator();
    expect([...blank.normal(2), ...blank.uniform(2), ...truncatedNormal()([2], blank).dataSync()]).toEqual(
      new Array(6).fill(0),
    );
  });
});

describe('Embedding', () => {
  it('starts its padding row at zero', () => {
    const { weight } = new Embedding(4, 3, { generator: new Generator(1), paddingIdx: 1 });
    const rows = weight.arraySync();
    expect(rows[1]).toEqual([0, 0, 0]);
    expect(rows[0]!.every((value) => value !== 0)).toBe(true);
  });
});
