import * as tf from '@tensorflow/tfjs-core';

type Composition = (inputs: Readonly<Record<string, tf.Tensor>>, attrs: tf.NamedAttrMap) => tf.Tensor;

const UnsortedSegmentSum: Composition = ({ x, segmentIds }, attrs) =>
  sumRowsById(x!, segmentIds as tf.Tensor1D, attrs.numSegments as number);

/** `tf.unsortedSegmentSum` by a scatter: rows of x added up by id; ids out of range are left out. */
export function sumRowsById(x: tf.Tensor, ids: tf.Tensor1D, count: number): tf.Tensor {
  const [rows, ...inner] = x.shape as [number, ...number[]];
  const known = tf.logicalAnd(tf.greaterEqual(ids, 0), tf.less(ids, count));
  const places = tf.reshape(tf.where(known, ids, tf.zerosLike(ids)), [rows, 1]);
  const summands = tf.mul(x, tf.reshape(tf.cast(known, x.dtype), [rows, ...inner.map(() => 1)]));
  return tf.scatterND(places, summands, [count, ...inner]);
}

/**
 * The filter's gradient as a convolution: channels take the place of images, images that of channels, dy is the filter, and
 * strides become dilations.
 */
const Conv2DBackpropFilter: Composition = ({ x, dy }, attrs) => {
  // tfjs's Conv2DBackpropFilterAttrs; tables of kernels have the attributes of all of them
  const { strides, pad, dimRoundingMode, filterShape } = attrs as unknown as {
    strides: [number, number] | number;
    pad: 'valid' | 'same' | number;
    dimRoundingMode: 'floor' | 'round' | 'ceil' | undefined;
    filterShape: [number, number, number, number];
  };
  const image = x as tf.Tensor4D;
  const { padInfo, strideHeight, strideWidth, outHeight, outWidth, filterHeight, filterWidth } =
    tf.backend_util.computeConv2DInfo(image.shape, filterShape, strides, 1, pad, dimRoundingMode);
  const padded = tf.pad(image, [
    [0, 0],
    [padInfo.top, padInfo.bottom],
    [padInfo.left, padInfo.right],
    [0, 0],
  ]);
  // cells at the end that no window meets are cut off
  const height = (outHeight - 1) * strideHeight + filterHeight;
  const width = (outWidth - 1) * strideWidth + filterWidth;
  const met = tf.slice(padded, [0, 0, 0, 0], [-1, height, width, -1]);
  const gradient = tf.conv2d(
    tf.transpose(met, [3, 1, 2, 0]),
    tf.transpose(dy!, [1, 2, 0, 3]) as tf.Tensor4D,
    1,
    'valid',
    'NHWC',
    [strideHeight, strideWidth],
  );
  return tf.transpose(gradient, [1, 2, 0, 3]);
};

/** Kernels of gradients that tfjs-backend-wasm lacks, made of those that it has. */
const COMPOSED = { UnsortedSegmentSum, Conv2DBackpropFilter } as const satisfies Readonly<Record<string, Composition>>;

/** Registers a kernel for the current backend if it has none of its own: gradients that ask for it then work there too. */
export function ensureKernel(kernelName: keyof typeof COMPOSED): void {
  const backendName = tf.getBackend();
  if (tf.getKernel(kernelName, backendName)) return;
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() => COMPOSED[kernelName](inputs as Record<string, tf.Tensor>, attrs ?? {})),
  });
}
