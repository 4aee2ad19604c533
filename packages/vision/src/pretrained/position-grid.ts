import { WeightsError } from '@diptych/core';
import { adaptName, type NameAdapter, type TensorCollection, type TensorData } from '@diptych/weights';

/** Which tensor holds the positions, and for which grid they are wanted. */
export interface PositionOptions {
  /** How the checkpoint's names become the model's. */
  readonly adapter: NameAdapter;
  /** The model's name of the table. */
  readonly target: string;
  /** Rows before the grid's, which stay as they are: the class token's. */
  readonly prefix: number;
  /** Patches along a side of the model's pictures. */
  readonly gridSize: number;
}

/**
 * The same checkpoint with position embeddings for another grid, so that a network trained on 224 pixels takes 384.
 *
 * Bicubic with antialiasing, as timm's `resample_abs_pos_embed` and open_clip do it; transformers'
 * `interpolate_pos_encoding` leaves out the antialiasing and has another cubic.
 *
 * @throws WeightsError if the stored positions are not those of a square grid
 */
export function withPositionGrid(
  tensors: TensorCollection,
  { adapter, target, prefix, gridSize }: PositionOptions,
): TensorCollection {
  const name = [...tensors.infos.keys()].find((key) => adaptName(key, adapter)?.names.includes(target));
  if (name === undefined) return tensors; // loadState says that it is missing
  const info = tensors.infos.get(name)!;
  const width = info.shape.at(-1)!;
  const rows = info.shape.at(-2)!;
  const side = Math.sqrt(rows - prefix);
  if (side === gridSize) return tensors;
  if (!Number.isInteger(side) || side < 1) {
    throw new WeightsError({
      where: `${tensors.name}: tensor "${name}"`,
      expected: `positions of a square grid${prefix > 0 ? ` after ${prefix} of the class token` : ''}`,
      got: `${rows} rows`,
    });
  }
  const shape = [...info.shape.slice(0, -2), prefix + gridSize ** 2, width];
  const resized = (): TensorData => {
    const { data } = tensors.read(name);
    const cut = prefix * width;
    const values = new Float32Array((prefix + gridSize ** 2) * width);
    values.set(data.subarray(0, cut));
    values.set(resampleGrid(data.subarray(cut) as Float32Array, side, gridSize, width), cut);
    return { dtype: 'float32', shape, data: values };
  };
  return {
    name: tensors.name,
    metadata: tensors.metadata,
    infos: new Map(tensors.infos).set(name, {
      ...info,
      shape,
      storedDtype: 'F32',
      byteLength: 4 * shape.reduce((a, b) => a * b),
    }),
    read: (key) => (key === name ? resized() : tensors.read(key)),
  };
}

/** Resamples a square grid of vectors, row by row: [from, from, width] -> [to, to, width]. */
export function resampleGrid(values: Float32Array, from: number, to: number, width: number): Float32Array {
  const weights = cubicWeights(from, to);
  // columns, then rows; float64 in between as sums of a few products are
  const wide = new Float64Array(from * to * width);
  for (let row = 0; row < from; row++) {
    for (const [column, taps] of weights.entries()) {
      for (const { index, weight } of taps) {
        const source = (row * from + index) * width;
        const target = (row * to + column) * width;
        for (let d = 0; d < width; d++) wide[target + d]! += weight * values[source + d]!;
      }
    }
  }
  const out = new Float64Array(to * to * width);
  for (const [row, taps] of weights.entries()) {
    for (const { index, weight } of taps) {
      for (let i = 0; i < to * width; i++) out[row * to * width + i]! += weight * wide[index * to * width + i]!;
    }
  }
  return Float32Array.from(out);
}

interface Tap {
  readonly index: number;
  readonly weight: number;
}

/** For each place of the new side, what it takes from the old one: torch's antialiased bicubic, a = -0.5. */
function cubicWeights(from: number, to: number): Tap[][] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - 2 * stretch + 0.5), 0);
    const end = Math.min(Math.trunc(centre + 2 * stretch + 0.5), from);
    const taps = Array.from({ length: end - first }, (_, i) => ({
      index: first + i,
      weight: cubic((first + i - centre + 0.5) / stretch),
    }));
    const total = taps.reduce((sum, { weight }) => sum + weight, 0);
    return taps.map(({ index, weight }) => ({ index, weight: weight / total }));
  });
}

/** Keys' cubic convolution kernel (1981) with a = -0.5. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}
