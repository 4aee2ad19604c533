import type { NumericData } from '../../value.js';

/**
 * Adds row i of `x` to row `ids[i]` of `sums`. Ids out of range are passed over, as tfjs does.
 *
 * @param x [n, width]
 * @param sums [numSegments, width]
 */
export function addRows(sums: NumericData, x: NumericData, ids: NumericData, numSegments: number): void {
  const width = sums.length / numSegments;
  for (let row = 0; row < ids.length; row++) {
    const id = ids[row]!;
    if (id < 0 || id >= numSegments) continue;
    const [from, to] = [row * width, id * width];
    for (let i = 0; i < width; i++) sums[to + i]! += x[from + i]!;
  }
}

/**
 * An embedding's gradient in memory that the optimizer reads at each step. Few rows differ from zero, so only those that the
 * step before wrote are cleared.
 */
export class SparseGradient {
  #written: NumericData | undefined;
  #room = new Float32Array(0);

  constructor(private readonly memory: Float32Array<ArrayBuffer>) {}

  /** Memory for the rows to be summed, the same for all programs, which take turns. */
  roomFor(size: number): Float32Array {
    if (this.#room.length < size) this.#room = new Float32Array(size);
    return this.#room.subarray(0, size);
  }

  /** Overwrites the memory with the sums of `x` by `ids`, and returns it. */
  write(x: NumericData, ids: NumericData, numSegments: number): Float32Array<ArrayBuffer> {
    const { memory } = this;
    const width = memory.length / numSegments;
    if (!this.#written) memory.fill(0);
    else for (const id of this.#written) if (id >= 0 && id < numSegments) memory.fill(0, id * width, (id + 1) * width);
    addRows(memory, x, ids, numSegments);
    this.#written = ids.slice();
    return memory;
  }
}
