import type { RgbImage } from '@diptych/core';

/** Side of what pictures are compared by. */
const SIDE = 16;
const CELLS = SIDE * SIDE * 3;
/** Side of what most pictures are told apart by. */
const COARSE_SIDE = 4;
const COARSE_CELLS = COARSE_SIDE * COARSE_SIDE * 3;
/** Root mean square of the differences of two near pictures, in steps of 1/255: what another size and a JPEG of it change. */
const DISTANCE = 4;
/** The same as a part of the pictures' contrast: dark photographs differ little without being one. */
const OF_CONTRAST = 0.1;
const LEAST_DISTANCE = 1;
/** Of width to height. */
const ASPECT = 0.03;
/** Pictures that are kept, some 100 MB; later ones are not compared. */
const MOST = 100_000;

/** A picture as far as it is compared. */
export interface Thumbprint {
  readonly aspect: number;
  /** [SIDE, SIDE, 3]: means of areas, of 0 to 255. */
  readonly cells: Uint8Array;
}

/** A picture's areas, as means: the whole picture whatever its size, so that other sizes of it are alike. */
export function thumbprint({ data, width, height }: RgbImage): Thumbprint {
  const cells = new Uint8Array(CELLS);
  const [columns, rows] = [sections(width), sections(height)];
  for (const [row, ys] of rows.entries()) {
    for (const [column, xs] of columns.entries()) {
      let [red, green, blue] = [0, 0, 0];
      for (let y = ys.first; y < ys.end; y++) {
        const inY = shareOf(ys, y);
        for (let x = xs.first, at = (y * width + x) * 3; x < xs.end; x++, at += 3) {
          const weight = inY * shareOf(xs, x);
          red += weight * data[at]!;
          green += weight * data[at + 1]!;
          blue += weight * data[at + 2]!;
        }
      }
      const area = (xs.to - xs.from) * (ys.to - ys.from);
      cells.set(
        [red, green, blue].map((sum) => Math.round(sum / area)),
        (row * SIDE + column) * 3,
      );
    }
  }
  return { aspect: width / height, cells };
}

interface Section {
  readonly from: number;
  readonly to: number;
  /** Pixels that it touches: from `first`, below `end`. */
  readonly first: number;
  readonly end: number;
}

function sections(length: number): Section[] {
  return Array.from({ length: SIDE }, (_, i) => {
    const [from, to] = [(i * length) / SIDE, ((i + 1) * length) / SIDE];
    return { from, to, first: Math.floor(from), end: Math.min(length, Math.ceil(to)) };
  });
}

/** How much of a pixel lies in a section. */
function shareOf({ from, to }: Section, pixel: number): number {
  return Math.min(pixel + 1, to) - Math.max(pixel, from);
}

interface Kept extends Thumbprint {
  readonly place: number;
  readonly where: string;
  readonly mean: number;
  readonly coarse: Float32Array;
  /** Largest distance to a near one. */
  readonly reach: number;
}

/** A picture that nearly repeats an earlier one. */
export interface NearPicture {
  readonly where: string;
  readonly earlier: string;
}

/**
 * Finds pictures that are nearly one: other sizes, encodings and qualities of it. Compares means of areas and not their order, as
 * perceptual hashes do, for to these all plain pictures are one. Not found: crops, turned and mirrored pictures.
 */
export class NearPictures {
  readonly #kept: Kept[] = [];

  add(print: Thumbprint, where: string): void {
    if (this.#kept.length >= MOST) return;
    const { cells } = print;
    const mean = cells.reduce((sum, value) => sum + value, 0) / CELLS;
    const reach = Math.max(LEAST_DISTANCE, Math.min(DISTANCE, OF_CONTRAST * contrastOf(cells)));
    this.#kept.push({ ...print, place: this.#kept.length, where, mean, reach, coarse: coarseOf(cells) });
  }

  /** Each picture with the earliest one that it is near to, in the order in which they came. */
  find(): NearPicture[] {
    const earliest = new Map<Kept, Kept>();
    const note = (later: Kept, earlier: Kept) => {
      const known = earliest.get(later);
      if (known === undefined || earlier.place < known.place) earliest.set(later, earlier);
    };
    // the difference of two means is at most the distance: near ones are near in this order
    const byMean = [...this.#kept].sort((a, b) => a.mean - b.mean);
    for (const [i, one] of byMean.entries()) {
      for (let j = i + 1; j < byMean.length && byMean[j]!.mean - one.mean <= one.reach; j++) {
        const other = byMean[j]!;
        if (!isNear(one, other)) continue;
        if (one.place < other.place) note(other, one);
        else note(one, other);
      }
    }
    return [...earliest]
      .sort(([a], [b]) => a.place - b.place)
      .map(([later, { where }]) => ({ where: later.where, earlier: where }));
  }
}

function isNear(a: Kept, b: Kept): boolean {
  if (Math.abs(Math.log(a.aspect / b.aspect)) > ASPECT) return false;
  const limit = Math.min(a.reach, b.reach) ** 2;
  // means of areas differ by no more than the areas
  return meanSquare(a.coarse, b.coarse) <= limit && meanSquare(a.cells, b.cells) <= limit;
}

function meanSquare(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / a.length;
}

/** Root mean square of the differences from each channel's mean: 0 for a plain picture of any colour. */
function contrastOf(cells: Uint8Array): number {
  const [sums, squares] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  for (const [i, value] of cells.entries()) {
    sums[i % 3]! += value;
    squares[i % 3]! += value ** 2;
  }
  const areas = CELLS / 3;
  const variances = squares.map((square, channel) => square / areas - (sums[channel]! / areas) ** 2);
  return Math.sqrt(Math.max(0, variances.reduce((a, b) => a + b, 0) / 3));
}

function coarseOf(cells: Uint8Array): Float32Array {
  const coarse = new Float32Array(COARSE_CELLS);
  const block = SIDE / COARSE_SIDE;
  for (let i = 0; i < CELLS; i++) {
    const [row, column, channel] = [Math.floor(i / (SIDE * 3)), Math.floor(i / 3) % SIDE, i % 3];
    const at = (Math.floor(row / block) * COARSE_SIDE + Math.floor(column / block)) * 3 + channel;
    coarse[at]! += cells[i]! / block ** 2;
  }
  return coarse;
}
