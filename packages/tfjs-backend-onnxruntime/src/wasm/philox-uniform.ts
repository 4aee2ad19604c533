import { ShapeError } from '@diptych/core';
import { compileInlined, instantiate, PAGE_BYTES } from './instantiate.js';
import { philoxWasm } from './philox.wasm.js';

/**
 * Fills `out`, seen as `[rows, rowSize]`, with floats in [0, 1) by Philox 4x32-10 (Salmon et al., SC 2011).
 *
 * Flat index i inside row r is word `i & 3` of counter `(i >> 2, rowOffset + r, step, site)` under key `(seed, 0)`, as
 * `(word >>> 8) * 2^-24`. A value depends on its global row and not on how the rows are cut into batches.
 *
 * @param mask makes dropout masks of them: `scale` where a float is at least `threshold`, else 0
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
  mask?: { readonly threshold: number; readonly scale: number },
) => void;

/** A {@link PhiloxUniform} with scratch memory of its own (256 KiB). */
export function createPhiloxUniform(): PhiloxUniform {
  const memory = new WebAssembly.Memory({ initial: SCRATCH_BYTES / PAGE_BYTES + 1 });
  const exports = instantiate<PhiloxExports>(compileInlined(philoxWasm), memory);
  const scratch = new Float32Array(memory.buffer, 0, SCRATCH_FLOATS);

  return (out, rows, rowSize, seed, step, rowOffset, site, mask) => {
    if (out.length !== rows * rowSize) {
      throw new ShapeError({
        where: 'philoxUniform',
        expected: `${rows} * ${rowSize} floats`,
        got: String(out.length),
      });
    }
    if (out.length === 0) return;
    // Short rows are drawn many at a time, long ones in pieces.
    const width = Math.min(rowSize, SCRATCH_FLOATS);
    const height = Math.max(1, Math.floor(SCRATCH_FLOATS / width));
    for (let row = 0; row < rows; row += height) {
      const count = Math.min(height, rows - row);
      for (let column = 0; column < rowSize; column += width) {
        const floats = count * Math.min(width, rowSize - column);
        exports.fill(0, count, floats / count, column / 4, rowOffset + row, step, site, seed);
        if (mask) exports.mask(0, floats, mask.threshold, mask.scale);
        out.set(scratch.subarray(0, floats), row * rowSize + column);
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
