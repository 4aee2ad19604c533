import { readFileSync } from 'node:fs';
import { isDiptychError } from '@diptych/core';
import type { AdamWOptions } from '@diptych/graph/engine';
import { describe, expect, it } from 'vitest';
import { AdamWArena, sumOfSquares } from './adamw-arena.js';

const options: AdamWOptions = { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const golden = new URL('../../../../golden/adamw/', import.meta.url);

/** Float32 tensors of a safetensors file: an 8-byte header length, a JSON header, the data. */
function readTensors(url: URL): (name: string) => { shape: number[]; data: Float32Array } {
  const bytes = readFileSync(url);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes));
  return (name) => {
    const { shape, data_offsets } = header[name];
    const [from, to] = data_offsets.map((offset: number) => bytes.byteOffset + 8 + headerBytes + offset);
    return { shape, data: new Float32Array(bytes.buffer.slice(from, to)) };
  };
}

/** The same update in float64. */
function reference(
  p: Float64Array,
  m: Float64Array,
  v: Float64Array,
  g: ArrayLike<number>,
  hyper: number[],
  scale: number,
) {
  const [lr, weightDecay, k] = hyper as [number, number, number];
  for (let i = 0; i < p.length; i++) {
    const gradient = g[i]! * scale;
    m[i] = options.beta1 * m[i]! + (1 - options.beta1) * gradient;
    v[i] = options.beta2 * v[i]! + (1 - options.beta2) * gradient ** 2;
    const denominator = Math.sqrt(v[i]!) / Math.sqrt(1 - options.beta2 ** k) + options.eps;
    p[i] = p[i]! * (1 - lr * weightDecay) - ((lr / (1 - options.beta1 ** k)) * m[i]!) / denominator;
  }
}

const normOf = ({ slots }: AdamWArena) =>
  Math.sqrt(slots.reduce((sum, { gradient }) => sum + sumOfSquares(gradient), 0));

describe('AdamWArena', () => {
  it('follows 25 steps of torch.optim.AdamW with clipping and a schedule', () => {
    const meta = JSON.parse(readFileSync(new URL('meta.json', golden), 'utf8'));
    const tensor = readTensors(new URL('trajectory.safetensors', golden));
    const names = ['weight', 'conv', 'bias', 'scale'];
    const decay = names.map(
      (name) => meta.groups.find((g: { params: string[] }) => g.params.includes(name)).weight_decay,
    );
    const initial = names.map((name) => tensor(`initial.${name}`).data);
    const arena = new AdamWArena(initial.map(({ length }) => length));
    arena.slots.forEach(({ parameter }, i) => {
      parameter.set(initial[i]!);
    });
    const rowOf = (name: string, step: number, size: number) =>
      tensor(name).data.subarray(step * size, (step + 1) * size);
    for (let step = 0; step < meta.steps; step++) {
      arena.slots.forEach(({ gradient }, i) => {
        gradient.set(rowOf(`grad.${names[i]}`, step, gradient.length));
      });
      const norm = normOf(arena);
      const scale = Math.min(1, meta.max_norm / (norm + 1e-6));
      for (const [i, weightDecay] of decay.entries()) {
        const rates = { learningRate: meta.lr[step], weightDecay, step: step + 1, scale };
        arena.update(i, rates, { ...options, eps: meta.eps });
      }
      expect(norm).toBeCloseTo(tensor('grad_norm').data[step]!, 5);
      arena.slots.forEach(({ parameter }, i) => {
        const want = rowOf(`param.${names[i]}`, step, parameter.length);
        for (let j = 0; j < want.length; j++) expect(Math.abs(parameter[j]! - want[j]!)).toBeLessThan(5e-6);
      });
    }
    arena.slots.forEach(({ expAvg, expAvgSq }, i) => {
      const pairs = [
        [expAvg, tensor(`exp_avg.${names[i]}`).data],
        [expAvgSq, tensor(`exp_avg_sq.${names[i]}`).data],
      ] as const;
      for (const [got, want] of pairs) {
        for (let j = 0; j < want.length; j++) expect(Math.abs(got[j]! - want[j]!)).toBeLessThan(5e-8);
      }
    });
  });

  it.each([1, 0.25])('matches float64 over odd sizes, pieces and memories, gradients times %s', (scale) => {
    const sizes = [1, 7, 8, 9, 16_384, 40_001, 3];
    const arena = new AdamWArena(sizes, 700_000);
    expect(arena.memories).toBe(2);
    const states = sizes.map((size, s) => {
      const p = Float64Array.from({ length: size }, (_, i) => Math.fround(Math.sin(i + s)));
      arena.slots[s]!.parameter.set(p);
      return { p, m: new Float64Array(size), v: new Float64Array(size) };
    });
    for (let k = 1; k <= 3; k++) {
      arena.slots.forEach(({ gradient }, s) => {
        for (let i = 0; i < gradient.length; i++) gradient[i] = Math.cos(i * k + s) / 10;
      });
      const squares = arena.slots.reduce((total, { gradient }) => gradient.reduce((sum, g) => sum + g * g, total), 0);
      expect(Math.abs(normOf(arena) / Math.sqrt(squares) - 1)).toBeLessThan(1e-12);
      for (const s of sizes.keys()) {
        arena.update(s, { learningRate: 0.01, weightDecay: s % 2 ? 0.1 : 0, step: k, scale }, options);
      }
      states.forEach(({ p, m, v }, s) => {
        reference(p, m, v, arena.slots[s]!.gradient, [0.01, s % 2 ? 0.1 : 0, k], scale);
        const { parameter } = arena.slots[s]!;
        for (let i = 0; i < p.length; i++) expect(Math.abs(parameter[i]! - p[i]!)).toBeLessThan(2e-6);
      });
    }
  });

  it('updates one parameter at a time, each at its own step count', () => {
    const arena = new AdamWArena([4, 4, 4]);
    for (const { parameter, gradient } of arena.slots) {
      parameter.fill(1);
      gradient.fill(2);
    }
    arena.update(2, { learningRate: 0.1, weightDecay: 0.5, step: 1 }, options);
    arena.update(0, { learningRate: 0.1, weightDecay: 0.5, step: 3 }, options);
    expect([...arena.slots[1]!.parameter, ...arena.slots[1]!.expAvg]).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    expect(arena.slots[2]!.parameter[0]).toBeCloseTo(0.95 - 0.1, 6);
    // k = 3 with moments from zero: m / (1 - 0.9^3), v / (1 - 0.999^3)
    const rate = 0.1 / (1 - 0.9 ** 3) / (Math.sqrt(0.001) / Math.sqrt(1 - 0.999 ** 3));
    expect(arena.slots[0]!.parameter[0]).toBeCloseTo(0.95 - 0.1 * rate, 6);
  });

  it('takes an accurate norm of many small gradients beside a large one', () => {
    const arena = new AdamWArena([1_000_001]);
    const { gradient } = arena.slots[0]!;
    gradient.fill(1e-3);
    gradient[0] = 1e4;
    const norm = normOf(arena);
    // A float32 sum would lose the small ones: their squares are 1e-14 of the large one's.
    const small = Math.fround(1e-3);
    expect(norm).toBeCloseTo(Math.sqrt(1e8 + 1e6 * small * small), 9);
  });

  it('passes NaN gradients on, as PyTorch does', () => {
    const arena = new AdamWArena([4]);
    arena.slots[0]!.gradient[2] = Number.NaN;
    expect(normOf(arena)).toBeNaN();
    arena.update(0, { learningRate: 0.1, weightDecay: 0, step: 1 }, options);
    expect(arena.slots[0]!.parameter[2]).toBeNaN();
  });

  it('gives typed errors', () => {
    const arena = new AdamWArena([4]);
    const rates = { learningRate: 0.1, weightDecay: 0, step: 1 };
    const cases: [() => unknown, RegExp][] = [
      [() => arena.update(0, { ...rates, step: 0 }, options), /a step count from 1, got slot 0, step count 0/],
      [() => arena.update(1, rates, options), /expected a slot below 1.*got slot 1/],
      [() => new AdamWArena([2 ** 29]), /expected parameters of at most \d+ elements, got 536870912/],
    ];
    for (const [act, message] of cases) {
      let thrown: unknown;
      try {
        act();
      } catch (error) {
        thrown = error;
      }
      expect(isDiptychError(thrown)).toBe(true);
      expect((thrown as Error).message).toMatch(message);
    }
  });
});
