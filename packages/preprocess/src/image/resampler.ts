import { InputError, type RgbImage } from '@diptych/core';
import { fromBase64 } from '../bytes.js';
import { type AxisCoefficients, axisCoefficients } from './resample-coefficients.js';
import { type Interpolation, resampleFilters } from './resample-filters.js';
import { resampleKernelWasm } from './resample-kernel.wasm.js';

/** Part of a resized picture: rows `top` to `top + height`, columns `left` to `left + width`. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

interface Kernel {
  readonly memory: WebAssembly.Memory;
  horizontal(
    source: number,
    sourceStride: number,
    target: number,
    targetStride: number,
    rowGroups: number,
    width: number,
    bounds: number,
    coefficients: number,
    coefficientStride: number,
  ): void;
  vertical(
    source: number,
    sourceStride: number,
    target: number,
    targetStride: number,
    height: number,
    bounds: number,
    coefficients: number,
    coefficientStride: number,
  ): void;
}

/** The weights of one axis in the kernel's layout, and what they were made for. */
interface AxisTable {
  readonly key: string;
  readonly axis: AxisCoefficients;
  /** Two int32 an output position: byte offset (columns) or row of the first tap, number of groups of four taps. */
  readonly bounds: Int32Array;
  /** Groups of eight int16: the high halves of four weights, then the low halves. */
  readonly groups: Int16Array;
  /** Groups per output position. */
  readonly stride: number;
}

const CHANNELS = 3;
const GROUP = 4;
const GROUP_BYTES = 16;
/** Source rows are handed to the horizontal pass in strips of about this many bytes, which stay in the L2 cache. */
const STRIP_BYTES = 128 * 1024;
/** The kernel reads up to three rows and 16 bytes beyond what it needs. */
const SLACK_ROWS = 4;
const SLACK_BYTES = 64;
const PAGE = 65536;
/** Largest memory of one call; a picture that needs more is refused. */
const MAX_BYTES = 2 ** 30;

const kernelModule = new WebAssembly.Module(fromBase64(resampleKernelWasm));

/**
 * Pillow's antialiased two-pass resampler for 8-bit RGB: horizontal first, bytes between the passes, 22-bit fixed-point
 * weights, windows renormalised at the edges. Bytes equal those of `PIL.Image.resize` (without `reducing_gap`).
 *
 * It owns a WebAssembly memory that grows to the largest picture seen, and the last weights of both axes; calls are
 * synchronous and independent of each other.
 */
export class Resampler {
  readonly #kernel: Kernel;
  #columns: AxisTable | undefined;
  #rows: AxisTable | undefined;

  constructor() {
    // what a module exports is known to its source alone
    this.#kernel = new WebAssembly.Instance(kernelModule).exports as unknown as Kernel;
  }

  /**
   * Resizes to `height` x `width` and returns the window of the result (all of it by default). Only what the window needs is
   * computed, with the same bytes as a crop after the resize.
   *
   * @throws InputError if the result or the rows between the passes would need more than 1 GiB
   */
  resize(
    image: RgbImage,
    height: number,
    width: number,
    interpolation: Exclude<Interpolation, 'nearest'>,
    window: Window = { top: 0, left: 0, height, width },
  ): RgbImage {
    const rows = this.#rowTable(interpolation, image.height, height, window);
    const columns = this.#columnTable(interpolation, image.width, width, window);
    const firstRow = rows.axis.first[0]!;
    const lastRow = rows.axis.first[window.height - 1]! + rows.axis.count[window.height - 1]!;
    const rowCount = lastRow - firstRow;

    const sourceStride = image.width * CHANNELS;
    const middleStride = alignUp(window.width * CHANNELS + 1, 16);
    const outputStride = alignUp(window.width * CHANNELS, 16);
    const stripRows = alignUp(Math.max(1, Math.min(rowCount, Math.floor(STRIP_BYTES / sourceStride))), GROUP);

    const layout = new Layout();
    const columnBounds = layout.add(columns.bounds.byteLength);
    const columnGroups = layout.add(columns.groups.byteLength);
    const rowBounds = layout.add(rows.bounds.byteLength);
    const rowGroups = layout.add(rows.groups.byteLength);
    const strip = layout.add(stripRows * sourceStride + SLACK_BYTES);
    const middle = layout.add((alignUp(rowCount, GROUP) + SLACK_ROWS) * middleStride + SLACK_BYTES);
    const output = layout.add(window.height * outputStride + SLACK_BYTES);
    this.#reserve(layout.size, image, height, width);

    const { memory, horizontal, vertical } = this.#kernel;
    const bytes = new Uint8Array(memory.buffer);
    bytes.set(asBytes(columns.bounds), columnBounds);
    bytes.set(asBytes(columns.groups), columnGroups);
    bytes.set(asBytes(rows.bounds), rowBounds);
    bytes.set(asBytes(rows.groups), rowGroups);

    if (width === image.width) {
      for (let row = 0; row < rowCount; row++) {
        const start = (firstRow + row) * sourceStride + window.left * CHANNELS;
        bytes.set(image.data.subarray(start, start + window.width * CHANNELS), middle + row * middleStride);
      }
    } else {
      for (let row = 0; row < rowCount; row += stripRows) {
        const size = Math.min(stripRows, rowCount - row);
        const start = (firstRow + row) * sourceStride;
        bytes.set(image.data.subarray(start, start + size * sourceStride), strip);
        horizontal(
          strip,
          sourceStride,
          middle + row * middleStride,
          middleStride,
          Math.ceil(size / GROUP),
          window.width,
          columnBounds,
          columnGroups,
          columns.stride * GROUP_BYTES,
        );
      }
    }
    if (height === image.height) return packRows(bytes, middle, middleStride, window);
    vertical(
      middle,
      middleStride,
      output,
      outputStride,
      window.height,
      rowBounds,
      rowGroups,
      rows.stride * GROUP_BYTES,
    );
    return packRows(bytes, output, outputStride, window);
  }

  #columnTable(interpolation: Exclude<Interpolation, 'nearest'>, input: number, output: number, window: Window) {
    const key = `${interpolation} ${input} ${output} ${window.left} ${window.width}`;
    if (this.#columns?.key !== key) {
      const axis = axisCoefficients(resampleFilters[interpolation], input, output, window.left, window.width);
      this.#columns = axisTable(key, axis, 0, CHANNELS);
    }
    return this.#columns;
  }

  #rowTable(interpolation: Exclude<Interpolation, 'nearest'>, input: number, output: number, window: Window) {
    const key = `${interpolation} ${input} ${output} ${window.top} ${window.height}`;
    if (this.#rows?.key !== key) {
      const axis = axisCoefficients(resampleFilters[interpolation], input, output, window.top, window.height);
      this.#rows = axisTable(key, axis, axis.first[0]!, 1);
    }
    return this.#rows;
  }

  #reserve(size: number, image: RgbImage, height: number, width: number): void {
    if (size > MAX_BYTES) {
      throw new InputError({
        where: 'preprocess.resize',
        problem: `resizing ${image.width}x${image.height} to ${width}x${height} pixels would take ${(size / 2 ** 30).toFixed(1)} GiB`,
        remedy: 'leave out pictures of such an extreme shape, or resize to [height, width] instead of the short side',
      });
    }
    const missing = size - this.#kernel.memory.buffer.byteLength;
    if (missing > 0) this.#kernel.memory.grow(Math.ceil(missing / PAGE));
  }
}

/** Puts regions one behind the other, each aligned to 16 bytes. */
class Layout {
  size = 0;

  add(bytes: number): number {
    const start = this.size;
    this.size = alignUp(start + bytes, 16);
    return start;
  }
}

function axisTable(key: string, axis: AxisCoefficients, origin: number, unit: number): AxisTable {
  const { first, count, weights, taps } = axis;
  const stride = Math.ceil(taps / GROUP);
  const bounds = new Int32Array(first.length * 2);
  const groups = new Int16Array(first.length * stride * GROUP * 2);
  for (let i = 0; i < first.length; i++) {
    bounds[2 * i] = (first[i]! - origin) * unit;
    bounds[2 * i + 1] = Math.max(1, Math.ceil(count[i]! / GROUP));
    for (let tap = 0; tap < count[i]!; tap++) {
      const weight = weights[i * taps + tap]!;
      const slot = (i * stride + Math.floor(tap / GROUP)) * GROUP * 2 + (tap % GROUP);
      groups[slot] = weight >> 12;
      groups[slot + GROUP] = weight & 0xfff;
    }
  }
  return { key, axis, bounds, groups, stride };
}

function packRows(bytes: Uint8Array, start: number, stride: number, { height, width }: Window): RgbImage {
  const size = width * CHANNELS;
  if (stride === size) return { data: bytes.slice(start, start + height * size), height, width };
  const data = new Uint8Array(height * size);
  for (let row = 0; row < height; row++) {
    const from = start + row * stride;
    data.set(bytes.subarray(from, from + size), row * size);
  }
  return { data, height, width };
}

function asBytes(array: Int32Array | Int16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function alignUp(size: number, unit: number): number {
  return Math.ceil(size / unit) * unit;
}
