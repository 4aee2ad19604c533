import { ShapeError } from '@diptych/core';
import { compileInlined, instantiate, PAGE_BYTES } from './instantiate.js';
import { philoxWasm } from './philox.wasm.js';

/**
 * Fills `out`, seen as `[rows, rowSize]`, with floats in [0, 1) by Philox 4x32-10 (Salmon et al., SC 2011).
 *
 * Flat index i inside row r is word `i & 3` of counter `(i >> 2, rowOffset + r, step, site)` under key `(seed, 0)`, as
 * `(word >>> 8) * 2^-24`. A value depends on its global row and not on how the rows are cut into batches.
 *
 * @param options.mask makes dropout masks of them: `scale` where a float is at least `threshold`, else 0
 * @param options.picks draws only some of a row's numbers
 * @throws ShapeError when `out` does not hold rows * rowSize floats
 */
export type PhiloxUniform = (
  out: Float32Array,
  rows: number,
  rowSize: number,
  seed: number,
  step: number,
  rowOffset: number,
  site: number,
  options?: DrawOptions,
) => void;

/** What of the numbers is wanted, and how. */
export interface DrawOptions {
  readonly mask?: { readonly threshold: number; readonly scale: number };
  readonly picks?: Picks;
}

/** Of every `every` numbers of a row, those from `begin` up to `end`: `out` holds these alone, in order. */
export interface Picks {
  readonly every: number;
  readonly begin: number;
  readonly end: number;
}

/** A {@link PhiloxUniform} with scratch memory of its own (256 KiB). */
export function createPhiloxUniform(): PhiloxUniform {
  const memory = new WebAssembly.Memory({ initial: SCRATCH_BYTES / PAGE_BYTES + 1 });
  const exports = instantiate<PhiloxExports>(compileInlined(philoxWasm), memory);
  const scratch = new Float32Array(memory.buffer, 0, SCRATCH_FLOATS);

  return (out, rows, rowSize, seed, step, rowOffset, site, { mask, picks } = {}) => {
    if (out.length !== rows * rowSize) {
      throw new ShapeError({
        where: 'philoxUniform',
        expected: `${rows} * ${rowSize} floats`,
        got: String(out.length),
      });
    }
    if (out.length === 0) return;
    const { every, begin, end } = picks ?? { every: rowSize, begin: 0, end: rowSize };
    const length = end - begin;
    for (let segment = 0; segment * length < rowSize; segment++) {
      drawColumns(segment * every + begin, segment * length, length);
    }

    /** The numbers from `first` on, of all rows, to column `to` of `out`. */
    function drawColumns(first: number, to: number, length: number): void {
      // A counter gives four numbers: those before the first are drawn and left.
      const lead = first % 4;
      // Short rows are drawn many at a time, long ones in pieces.
      const width = Math.min(lead + length, SCRATCH_FLOATS);
      const height = Math.max(1, Math.floor(SCRATCH_FLOATS / width));
      for (let row = 0; row < rows; row += height) {
        const count = Math.min(height, rows - row);
        for (let column = 0; column < lead + length; column += width) {
          const drawn = Math.min(width, lead + length - column);
          exports.fill(0, count, drawn, (first - lead + column) / 4, rowOffset + row, step, site, seed);
          if (mask) exports.mask(0, count * drawn, mask.threshold, mask.scale);
          const skipped = column === 0 ? lead : 0;
          const at = row * rowSize + to + column + skipped - lead;
          if (skipped === 0 && drawn === rowSize) {
            out.set(scratch.subarray(0, count * drawn), at);
            continue;
          }
          for (let i = 0; i < count; i++) {
            out.set(scratch.subarray(i * drawn + skipped, (i + 1) * drawn), at + i * rowSize);
          }
        }
      }
    }
  };
}

/** Half of a second-level cache, and a multiple of the four floats of a counter. */
const SCRATCH_FLOATS = 2 ** 16;
const SCRATCH_BYTES = SCRATCH_FLOATS * 4;

interface PhiloxExports {
  fill(
    out: number,
    rows: number,
    rowSize: number,
    column: number,
    row: number,
    step: number,
    site: number,
    seed: number,
  ): void;
  mask(out: number, floats: number, threshold: number, scale: number): void;
}
