import { ConfigError, checkOptions, checkPositive, checkShape, type OptionNames } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** Options of {@link maxPool2d}. */
export interface Pool2dOptions {
  /** Default: the kernel size, as torch. */
  readonly stride?: number;
  /** On each side, at most half the kernel. Default 0. */
  readonly padding?: number;
  /** Also make a window of what is left at the end, as torch's `ceil_mode`. Default false. */
  readonly ceilMode?: boolean;
}

/** Options of {@link avgPool2d}. */
export interface AvgPool2dOptions extends Pool2dOptions {
  /** Count padding as zeros in the mean, as torch. Default true. */
  readonly countIncludePad?: boolean;
}

/**
 * torch.nn.functional.max_pool2d on [B, H, W, C]; the padding is -Infinity.
 *
 * @throws ConfigError for a padding of more than half the kernel, or a window larger than the padded picture
 */
export function maxPool2d(x: tf.Tensor4D, kernelSize: number, options: Pool2dOptions = {}): tf.Tensor4D {
  checkPool('nn.maxPool2d', x, kernelSize, options, POOL_OPTIONS);
  const { stride = kernelSize, padding = 0, ceilMode = false } = options;
  const rows = layOut('nn.maxPool2d', x.shape[1], kernelSize, stride, padding, ceilMode);
  const columns = layOut('nn.maxPool2d', x.shape[2], kernelSize, stride, padding, ceilMode);
  return tf.maxPool(padEnds(x, rows, columns, Number.NEGATIVE_INFINITY), kernelSize, stride, 'valid');
}

/**
 * torch.nn.functional.avg_pool2d on [B, H, W, C].
 *
 * With `countIncludePad` the padding counts as zeros, except what `ceilMode` adds beyond it; without, only the
 * picture's own cells count.
 *
 * @throws ConfigError as {@link maxPool2d}
 */
export function avgPool2d(x: tf.Tensor4D, kernelSize: number, options: AvgPool2dOptions = {}): tf.Tensor4D {
  checkPool('nn.avgPool2d', x, kernelSize, options, { ...POOL_OPTIONS, countIncludePad: 'optional' });
  const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = options;
  const rows = layOut('nn.avgPool2d', x.shape[1], kernelSize, stride, padding, ceilMode);
  const columns = layOut('nn.avgPool2d', x.shape[2], kernelSize, stride, padding, ceilMode);
  const mean = tf.avgPool(padEnds(x, rows, columns, 0), kernelSize, stride, 'valid');
  const counted = (axis: Axis) => (countIncludePad ? axis.insidePadded : axis.insidePicture);
  if ([rows, columns].every((axis) => counted(axis).every((cells) => cells === kernelSize))) return mean;
  const factor = (axis: Axis) => counted(axis).map((cells) => kernelSize / cells);
  return tf.mul(
    mean,
    tf.mul(
      tf.tensor4d(factor(rows), [1, rows.windows, 1, 1]),
      tf.tensor4d(factor(columns), [1, 1, columns.windows, 1]),
    ),
  );
}

const POOL_OPTIONS: OptionNames<Pool2dOptions> = { stride: 'optional', padding: 'optional', ceilMode: 'optional' };

function checkPool<Options extends Pool2dOptions>(
  where: string,
  x: tf.Tensor4D,
  kernelSize: number,
  options: Options,
  names: OptionNames<Options>,
): void {
  checkShape(where, 'x', x, ['B', 'H', 'W', 'C']);
  checkOptions(where, options, names);
  checkPositive(where, 'kernelSize', kernelSize);
  checkPositive(where, 'stride', options.stride ?? kernelSize);
}

/** How windows lie along one axis. */
interface Axis {
  readonly windows: number;
  readonly before: number;
  readonly after: number;
  /** For each window, the cells inside picture and padding (without what ceilMode adds). */
  readonly insidePadded: number[];
  /** For each window, the cells inside the picture. */
  readonly insidePicture: number[];
}

function layOut(where: string, size: number, kernel: number, stride: number, padding: number, ceilMode: boolean): Axis {
  if (padding > kernel / 2) {
    throw new ConfigError({ where, expected: `padding of at most half the kernel (${kernel})`, got: String(padding) });
  }
  const span = (size + 2 * padding - kernel) / stride;
  let windows = (ceilMode ? Math.ceil(span) : Math.floor(span)) + 1;
  // torch drops a last window that would start in the padding at the end
  if (ceilMode && (windows - 1) * stride >= size + padding) windows--;
  if (windows < 1) {
    throw new ConfigError({
      where,
      expected: `a padded size of at least the kernel (${kernel})`,
      got: `${size} + 2 * ${padding}`,
    });
  }
  const starts = Array.from({ length: windows }, (_, window) => window * stride - padding);
  const inside = (low: number, high: number) =>
    starts.map((start) => Math.min(start + kernel, high) - Math.max(start, low));
  return {
    windows,
    before: padding,
    after: Math.max((windows - 1) * stride + kernel - padding - size, 0),
    insidePadded: inside(-padding, size + padding),
    insidePicture: inside(0, size),
  };
}

/** TensorFlow's `same` pads unevenly, and tfjs-node refuses explicit padding of pools: pad first. */
function padEnds(x: tf.Tensor4D, rows: Axis, columns: Axis, value: number): tf.Tensor4D {
  if (rows.before + rows.after + columns.before + columns.after === 0) return x;
  return tf.pad(
    x,
    [
      [0, 0],
      [rows.before, rows.after],
      [columns.before, columns.after],
      [0, 0],
    ],
    value,
  );
}
