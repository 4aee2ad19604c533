// The first layers of a ResNet at batch 8: the 7x7 convolution's filter gradient, max pooling's gradient.
import { compare, float, ints, microsoft, node } from './candidates.mjs';

const [N, C, K, H, k, s, p] = [8, 3, 64, 224, 7, 2, 3];
const Ho = H / s;
const flops = 2 * N * C * K * k * k * Ho * Ho;
const x = [N, C, H, H];
const dy = [N, K, Ho, Ho];
const taps = Array.from({ length: k * k }, (_, t) => [Math.floor(t / k), t % k]);
const tapConstants = (hw) => [
  ints('hw', hw), ints('step', [s, s]),
  ...taps.flatMap(([i, j], t) => [ints(`b${t}`, [i, j]), ints(`e${t}`, [i + (Ho - 1) * s + 1, j + (Ho - 1) * s + 1])]),
]; // biome-ignore format: short
const tapNodes = taps.map((_, t) => node('Slice', ['xp', `b${t}`, `e${t}`, 'hw', 'step'], `t${t}`));
const names = taps.map((_, t) => `t${t}`);
/** Filters that copy one cell each. */
const copies = new Float32Array(C * k ** 4);
for (let i = 0; i < C * k * k; i++) copies[i * k * k + (i % (k * k))] = 1;

// Space to depth: a stride-2 convolution of 3 channels is a stride-1 convolution of 12, 8x8 taps (one column and row
// of zeros) as 4x4.
const half = (H + 2 * p + 2) / 2; // 116 cells, of which 115 are met
const small = Array.from({ length: 16 }, (_, t) => [Math.floor(t / 4), t % 4]);
const smallConstants = (axes) => [
  ints('hw', axes),
  ...small.flatMap(([i, j], t) => [ints(`b${t}`, [i, j]), ints(`e${t}`, [i + Ho, j + Ho])]),
]; // biome-ignore format: short
const smallNodes = (from) => small.map((_, t) => node('Slice', [from, `b${t}`, `e${t}`, 'hw'], `t${t}`));
const smallNames = small.map((_, t) => `t${t}`);

compare(
  'stem dW, 3 -> 64, 224x224, 7x7, stride 2',
  [
    {
      name: 'channels first, columns, one product (transB)',
      inputs: { x, dy },
      outputs: { dw: [K, k * k * C] },
      constants: [
        ...tapConstants([2, 3]),
        ints('pads', [0, 0, p, p, 0, 0, p, p]),
        ints('cs', [k * k * C, N * Ho * Ho]),
        ints('ys', [K, N * Ho * Ho]),
      ],
      nodes: [
        node('Transpose', ['x'], 'xt', { perm: [1, 0, 2, 3] }),
        node('Pad', ['xt', 'pads'], 'xp'),
        ...tapNodes,
        node('Concat', names, 'c', { axis: 0 }),
        node('Reshape', ['c', 'cs'], 'cr'),
        node('Transpose', ['dy'], 'yt', { perm: [1, 0, 2, 3] }),
        node('Reshape', ['yt', 'ys'], 'y2'),
        microsoft('FusedMatMul', ['y2', 'cr'], 'dw', { transB: 1 }),
      ],
    },
    {
      name: 'columns by a copying depthwise Conv, products by image',
      inputs: { x, dy },
      outputs: { dw: [K, C * k * k] },
      constants: [
        ints('cs', [N, C * k * k, Ho * Ho]),
        ints('ys', [N, K, Ho * Ho]),
        ints('zero', [0]),
        { name: 'copy', dtype: 'float32', shape: [C * k * k, 1, k, k], data: copies },
      ],
      nodes: [
        node('Conv', ['x', 'copy'], 'c', {
          kernel_shape: [k, k],
          pads: [p, p, p - 1, p - 1],
          strides: [s, s],
          group: C,
        }),
        node('Reshape', ['c', 'cs'], 'c3'),
        node('Reshape', ['dy', 'ys'], 'y3'),
        microsoft('FusedMatMul', ['y3', 'c3'], 'm', { transB: 1 }),
        node('ReduceSum', ['m', 'zero'], 'dw', { keepdims: 0 }),
      ],
    },
    {
      name: 'NHWC columns',
      inputs: { x, dy },
      outputs: { dw: [K, k * k * C] },
      constants: [
        ...tapConstants([1, 2]),
        ints('pads', [0, p, p, 0, 0, p, p, 0]),
        ints('cs', [N * Ho * Ho, k * k * C]),
        ints('ys', [K, N * Ho * Ho]),
      ],
      nodes: [
        node('Transpose', ['x'], 'xt', { perm: [0, 2, 3, 1] }),
        node('Pad', ['xt', 'pads'], 'xp'),
        ...tapNodes,
        node('Concat', names, 'c', { axis: 3 }),
        node('Reshape', ['c', 'cs'], 'cr'),
        node('Transpose', ['dy'], 'yt', { perm: [1, 0, 2, 3] }),
        node('Reshape', ['yt', 'ys'], 'y2'),
        node('MatMul', ['y2', 'cr'], 'dw'),
      ],
    },
    {
      name: 'columns image by image: [N, 147, HW], batched product, ReduceSum',
      inputs: { x, dy },
      outputs: { dw: [K, k * k * C] },
      constants: [
        ...tapConstants([2, 3]),
        ints('pads', [0, 0, p, p, 0, 0, p, p]),
        ints('cs', [N, k * k * C, Ho * Ho]),
        ints('ys', [N, K, Ho * Ho]),
        ints('zero', [0]),
      ],
      nodes: [
        node('Pad', ['x', 'pads'], 'xp'),
        ...tapNodes,
        node('Concat', names, 'c', { axis: 1 }),
        node('Reshape', ['c', 'cs'], 'cr'),
        node('Reshape', ['dy', 'ys'], 'y2'),
        microsoft('FusedMatMul', ['y2', 'cr'], 'm', { transB: 1 }),
        node('ReduceSum', ['m', 'zero'], 'dw', { keepdims: 0 }),
      ],
    },
    {
      name: 'Conv with swapped axes, dilated',
      inputs: { x, dy },
      outputs: { dw: [C, K, 7, 7] },
      nodes: [
        node('Transpose', ['x'], 'xt', { perm: [1, 0, 2, 3] }),
        node('Transpose', ['dy'], 'yt', { perm: [1, 0, 2, 3] }),
        node('Conv', ['xt', 'yt'], 'dw', { kernel_shape: [Ho, Ho], dilations: [2, 2], pads: [3, 3, 2, 2] }),
      ],
    },
    {
      name: 'space to depth, 16 taps of 12 channels, batched product per tap',
      inputs: { x, dy },
      outputs: { dw: [16, K, 12] },
      constants: [
        ints('pads', [0, 0, p, p, 0, 0, p + 2, p + 2]),
        ints('split', [N, C, half, 2, half, 2]),
        ints('joined', [N, 4 * C, half, half]),
        ...smallConstants([2, 3]),
        ints('xs', [N, 12, Ho * Ho]),
        ints('ys', [N, K, Ho * Ho]),
        ints('zero', [0]),
      ],
      nodes: [
        node('Pad', ['x', 'pads'], 'xp'),
        node('Reshape', ['xp', 'split'], 'x6'),
        node('Transpose', ['x6'], 'x6t', { perm: [0, 1, 3, 5, 2, 4] }),
        node('Reshape', ['x6t', 'joined'], 'xd'),
        ...smallNodes('xd'),
        node('Reshape', ['dy', 'ys'], 'y2'),
        ...small.flatMap((_, t) => [
          node('Reshape', [`t${t}`, 'xs'], `r${t}`),
          microsoft('FusedMatMul', ['y2', `r${t}`], `m${t}`, { transB: 1 }),
          node('ReduceSum', [`m${t}`, 'zero'], `q${t}`, { keepdims: 1 }),
        ]),
        node(
          'Concat',
          small.map((_, t) => `q${t}`),
          'dw',
          { axis: 0 },
        ),
      ],
    },
    {
      name: 'space to depth, columns of 192, batched product',
      inputs: { x, dy },
      outputs: { dw: [K, 192] },
      constants: [
        ints('pads', [0, 0, p, p, 0, 0, p + 2, p + 2]),
        ints('split', [N, C, half, 2, half, 2]),
        ints('joined', [N, 4 * C, half, half]),
        ...smallConstants([2, 3]),
        ints('xs', [N, 192, Ho * Ho]),
        ints('ys', [N, K, Ho * Ho]),
        ints('zero', [0]),
      ],
      nodes: [
        node('Pad', ['x', 'pads'], 'xp'),
        node('Reshape', ['xp', 'split'], 'x6'),
        node('Transpose', ['x6'], 'x6t', { perm: [0, 1, 3, 5, 2, 4] }),
        node('Reshape', ['x6t', 'joined'], 'xd'),
        ...smallNodes('xd'),
        node('Concat', smallNames, 'c', { axis: 1 }),
        node('Reshape', ['c', 'xs'], 'r'),
        node('Reshape', ['dy', 'ys'], 'y2'),
        microsoft('FusedMatMul', ['y2', 'r'], 'm', { transB: 1 }),
        node('ReduceSum', ['m', 'zero'], 'dw', { keepdims: 0 }),
      ],
    },
  ],
  { flops, check: false, rounds: 4 },
);

// Max pooling 3x3, stride 2, padding 1: which of nine cells was the maximum?
const [big, out] = [
  [N, 64, 112, 112],
  [N, 64, 56, 56],
];
const pool = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
compare(
  'max pooling, forward',
  [
    { name: 'MaxPool', inputs: { x: big }, outputs: { y: out }, nodes: [node('MaxPool', ['x'], 'y', pool)] },
    {
      name: 'MaxPool with indices',
      inputs: { x: big },
      outputs: { y: out },
      nodes: [node('MaxPool', ['x'], ['y', 'i'], pool)],
    },
  ],
  { rounds: 4 },
);
const phases = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]; // rows and columns of the padded image by parity
const cells = Array.from({ length: 9 }, (_, t) => ({
  phase: (Math.floor(t / 3) % 2) * 2 + ((t % 3) % 2),
  at: [Math.floor(t / 3) >> 1, (t % 3) >> 1],
}));
const phaseShape = [N, 64, 57, 57];
compare(
  'max pooling, gradient',
  [
    {
      name: 'MaxPool with indices, ScatterElements',
      inputs: { x: big, dy: out },
      outputs: { dx: big },
      constants: [ints('flat', [-1]), ints('size', [N * 64 * 112 * 112]), ints('shape', big), float('zero', 0)],
      nodes: [
        node('MaxPool', ['x'], ['y', 'i'], pool),
        node('Expand', ['zero', 'size'], 'z'),
        node('Reshape', ['i', 'flat'], 'i1'),
        node('Reshape', ['dy', 'flat'], 'd1'),
        node('ScatterElements', ['z', 'i1', 'd1'], 'dxf', { axis: 0, reduction: 'add' }),
        node('Reshape', ['dxf', 'shape'], 'dx'),
      ],
    },
    {
      name: 'phases: compare nine cells, add up, interleave',
      inputs: { x: big, y: out, dy: out },
      outputs: { dx: big },
      constants: [
        ints('pads', [0, 0, 1, 1, 0, 0, 1, 1]),
        float('low', -1e30),
        float('zero', 0),
        ints('hw', [2, 3]),
        ints('crop0', [1, 1]),
        ints('crop1', [113, 113]),
        ints('split', [N, 64, 57, 2, 57, 2]),
        ints('one', [0]),
        ...phases.flatMap(([i, j], q) => [ints(`p0${q}`, [i]), ints(`p1${q}`, [j])]),
        ints('axis3', [3]),
        ints('axis5', [5]),
        ...[0, 1].map((v) => ints(`i${v}`, [v])),
        ints('merged', [N, 64, 114, 114]),
        ints('phaseShape', phaseShape),
        ...cells.flatMap(({ at: [i, j] }, t) => [
          ints(`b${t}`, [i, j]),
          ints(`e${t}`, [i + 56, j + 56]),
          ints(`g${t}`, [0, 0, i, j, 0, 0, 1 - i, 1 - j]),
        ]),
      ],
      nodes: [
        node('Pad', ['x', 'pads', 'low'], 'xp'),
        node('Reshape', ['xp', 'split'], 'x6'),
        node('Transpose', ['x6'], 'x6t', { perm: [3, 5, 0, 1, 2, 4] }),
        ...phases.flatMap(([i, j], q) => [
          node('Gather', ['x6t', `i${i}`], `h${q}`, { axis: 0 }),
          node('Gather', [`h${q}`, `i${j}`], `hh${q}`, { axis: 1 }),
          node('Reshape', [`hh${q}`, 'phaseShape'], `x${q}`),
        ]),
        ...cells.flatMap(({ phase }, t) => [
          node('Slice', [`x${phase}`, `b${t}`, `e${t}`, 'hw'], `c${t}`),
          node('Equal', [`c${t}`, 'y'], `q${t}`),
          node('Where', [`q${t}`, 'dy', 'zero'], `w${t}`),
          node('Pad', [`w${t}`, `g${t}`], `s${t}`),
        ]),
        ...phases.map((_, q) => {
          const own = cells.flatMap(({ phase }, t) => (phase === q ? [`s${t}`] : []));
          return own.length > 1 ? node('Sum', own, `d${q}`) : node('Identity', own, `d${q}`);
        }),
        ...phases.map((_, q) => node('Unsqueeze', [`d${q}`, 'one'], `u${q}`)),
        node('Concat', ['u0', 'u1', 'u2', 'u3'], 'all', { axis: 0 }),
        node('Reshape', ['all', 'back'], 'all6'),
        node('Transpose', ['all6'], 'allt', { perm: [2, 3, 4, 0, 5, 1] }),
        node('Reshape', ['allt', 'merged'], 'full'),
        node('Slice', ['full', 'crop0', 'crop1', 'hw'], 'dx'),
      ],
    },
  ].map((c, i) => (i ? { ...c, constants: [...c.constants, ints('back', [2, 2, ...phaseShape])] } : c)),
  { check: false, rounds: 4 },
);
