// Philox 4x32-10 (Salmon et al. 2011) in 32-bit arithmetic, the same words as `philox4x32` of @diptych/core and as the other
// engine draws: element i of row r is word `i & 3` of counter `(i >> 2, rowOffset + r, step, site)` under key `(seed, 0)`.
import { type Node, sizeOf } from '@diptych/graph';
import type { HloValue } from '../stablehlo/index.js';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';

const ROUNDS = 10;
const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
const WEYL = [0x9e3779b9, 0xbb67ae85] as const;

/** Of every `every` numbers of a row, those from `begin` up to `end`. */
interface Picks {
  readonly every: number;
  readonly begin: number;
  readonly end: number;
}

/** Low and high halves of the 64-bit product with a constant. */
function multiplyWide(e: Emitter, x: HloValue, multiplier: number): [low: HloValue, high: HloValue] {
  const wide = e.convert(x, 'ui64');
  const product = e.multiply(wide, e.like(wide, multiplier));
  return [e.convert(product, 'ui32'), e.convert(e.binary('shift_right_logical', product, e.like(product, 32)), 'ui32')];
}

/** The four words of counters; the key's second word begins as 0. */
function philox(e: Emitter, counter: readonly HloValue[], seed: HloValue): HloValue[] {
  let [c0, c1, c2, c3] = counter as [HloValue, HloValue, HloValue, HloValue];
  const xor = (a: HloValue, b: HloValue, c: HloValue) => e.binary('xor', e.binary('xor', a, b), c);
  for (let round = 0; round < ROUNDS; round++) {
    const key = e.broadcastTo(e.add(seed, e.like(seed, BigInt(round) * BigInt(WEYL[0]))), c0.shape);
    const second = e.like(c0, BigInt(round) * BigInt(WEYL[1]));
    const [low0, high0] = multiplyWide(e, c0, MULTIPLIERS[0]);
    const [low1, high1] = multiplyWide(e, c2, MULTIPLIERS[1]);
    [c0, c1, c2, c3] = [xor(high1, c1, key), low1, xor(high0, c3, second), low0];
  }
  return [c0, c1, c2, c3];
}

/**
 * Random words [rows, rowSize], as ui32. Each element draws its counter's four words and keeps its own: three times too many, but
 * in registers, inside the loop that uses them; words that four elements share would have to go through memory.
 */
function words(e: Emitter, state: HloValue, rows: number, rowSize: number, site: number, picks?: Picks): HloValue {
  const shape = [rows, rowSize];
  const [seed, step, rowOffset] = [0, 1, 2].map((i) =>
    e.shared(`philox:${state.name}:${i}`, () => e.bitcast(e.reshape(e.sliceAxis(state, 0, i, i + 1), []), 'ui32')),
  );
  const index = picks ? placesOf(e, shape, picks) : e.iota(shape, 1, 'ui32');
  const row = e.add(e.iota(shape, 0, 'ui32'), e.broadcastTo(rowOffset!, shape));
  const quad = e.binary('shift_right_logical', index, e.like(index, 2));
  const drawn = philox(e, [quad, row, e.broadcastTo(step!, shape), e.like(index, site)], seed!);
  const word = e.binary('and', index, e.like(index, 3));
  const isWord = (i: number) => e.compare('EQ', word, e.like(word, i));
  return [2, 1, 0].reduce((rest, i) => e.select(isWord(i), drawn[i]!, rest), drawn[3]!);
}

/** Where in its row each picked number stands. */
function placesOf(e: Emitter, shape: readonly number[], { every, begin, end }: Picks): HloValue {
  const place = e.iota(shape, 1, 'ui32');
  const length = e.like(place, end - begin);
  const group = e.divide(place, length);
  const within = e.add(e.binary('remainder', place, length), e.like(place, begin));
  return e.add(e.multiply(group, e.like(place, every)), within);
}

/** Floats in [0, 1) with 24 random bits. */
function uniform(e: Emitter, state: HloValue, { attrs, outputs }: Node): HloValue {
  const { shape } = outputs[0]!;
  const rows = shape[0] ?? 1;
  const rowSize = rows === 0 ? 0 : sizeOf(shape) / rows;
  if (rows * rowSize === 0) return e.fill(0, { shape, elementType: 'f32' });
  const drawn = words(e, state, rows, rowSize, attrs.site as number, attrs.picks as Picks | undefined);
  const high = e.convert(e.binary('shift_right_logical', drawn, e.like(drawn, 8)), 'f32');
  return e.reshape(e.multiply(high, e.like(high, 2 ** -24)), shape);
}

/** `scale` where a float is at least `threshold`, else 0: a dropout mask. */
const PhiloxMask: Lowering = (e, [state], node) => {
  const drawn = uniform(e, state!, node);
  const { threshold, scale } = node.attrs as { threshold: number; scale: number };
  const isKept = e.compare('GE', drawn, e.like(drawn, threshold));
  return e.light(e.select(isKept, e.like(drawn, scale), e.like(drawn, 0)));
};

/** Random numbers. */
export const RANDOM: LoweringTable = {
  PhiloxUniform: (e, [state], node) => uniform(e, state!, node),
  PhiloxMask,
};
