// dW of a small first layer: 3 channels, 3x3, stride 2, 64x64, a large batch.
import { compare, ints, microsoft, node } from './candidates.mjs';

const [N, C, K, H, k, s, p] = [256, 3, 32, 64, 3, 2, 1];
const Ho = H / s;
const flops = 2 * N * C * K * k * k * Ho * Ho;
const x = [N, C, H, H];
const dy = [N, K, Ho, Ho];
const columns = C * k * k;
/** Filters that copy: output channel c k k + tap is the cell of channel c under that tap. */
const eye = new Float32Array(columns * columns);
for (let i = 0; i < columns; i++) eye[i * columns + i] = 1;
const one = new Float32Array(columns * k * k);
for (let i = 0; i < columns; i++) one[i * k * k + (i % (k * k))] = 1;
const window = { kernel_shape: [k, k], pads: [p, p, p, p], strides: [s, s] };
const byImage = [
  node('Reshape', ['c', 'cs'], 'c3'),
  node('Reshape', ['dy', 'ys'], 'y3'),
  microsoft('FusedMatMul', ['y3', 'c3'], 'm', { transB: 1 }),
  node('ReduceSum', ['m', 'zero'], 'd', { keepdims: 0 }),
  node('Reshape', ['d', 'ws'], 'dw'),
];
const shapes = [
  ints('cs', [N, columns, Ho * Ho]),
  ints('ys', [N, K, Ho * Ho]),
  ints('ws', [K, C, k, k]),
  ints('zero', [0]),
];
compare(
  'small stem dW',
  [
    {
      name: 'Conv with swapped axes',
      inputs: { x, dy },
      outputs: { dw: [K, C, k, k] },
      nodes: [
        node('Transpose', ['x'], 'xt', { perm: [1, 0, 2, 3] }),
        node('Transpose', ['dy'], 'yt', { perm: [1, 0, 2, 3] }),
        node('Conv', ['xt', 'yt'], 'd', { kernel_shape: [Ho, Ho], pads: [p, p, 0, 0], dilations: [s, s] }),
        node('Transpose', ['d'], 'dw', { perm: [1, 0, 2, 3] }),
      ],
    },
    {
      name: 'columns by a copying Conv, products by image',
      inputs: { x, dy },
      outputs: { dw: [K, C, k, k] },
      constants: [...shapes, { name: 'copy', dtype: 'float32', shape: [columns, C, k, k], data: eye }],
      nodes: [node('Conv', ['x', 'copy'], 'c', window), ...byImage],
    },
    {
      name: 'columns by a copying depthwise Conv, products by image',
      inputs: { x, dy },
      outputs: { dw: [K, C, k, k] },
      constants: [...shapes, { name: 'copy', dtype: 'float32', shape: [columns, 1, k, k], data: one }],
      nodes: [node('Conv', ['x', 'copy'], 'c', { ...window, group: C }), ...byImage],
    },
  ],
  { flops, rounds: 8 },
);
