import type { Window } from './recorders/convolution.js';

/** Of each place of a window, 1 / the number of real cells under it: cells of the padding do not count. */
export function shares({ kernel, strides, pads, input, output }: Window): Float32Array {
  const counts = [0, 1].map((axis) =>
    Array.from({ length: output[axis]! }, (_, i) => {
      const start = i * strides[axis]! - pads[axis]!;
      return Math.min(start + kernel[axis]!, input[axis]!) - Math.max(start, 0);
    }),
  );
  return Float32Array.from(counts[0]!.flatMap((rows) => counts[1]!.map((columns) => 1 / (rows * columns))));
}
