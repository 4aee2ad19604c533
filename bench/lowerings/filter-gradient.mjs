// dW of strided and plain 3x3 convolutions over NHWC columns: slices and concatenation against one Gather of rows.
import { compare, ints, microsoft, node } from './candidates.mjs';

const layers = [
  [256, 32, 64, 32, 3, 2],
  [256, 64, 128, 16, 3, 2],
  [256, 128, 256, 8, 3, 2],
  [8, 64, 64, 56, 3, 1],
  [8, 128, 128, 28, 3, 1],
  [8, 256, 256, 14, 3, 1],
  [8, 512, 512, 7, 3, 1],
  [8, 128, 128, 56, 3, 2],
];
const only = process.argv[2] === undefined ? layers : [layers[Number(process.argv[2])]];
for (const [N, C, K, H, k, s] of only) {
  const p = (k - 1) >> 1;
  const Ho = Math.floor((H + 2 * p - k) / s) + 1;
  const Hp = H + 2 * p;
  const flops = 2 * N * C * K * k * k * Ho * Ho;
  const [x, y] = [
    [N, C, H, H],
    [N, K, Ho, Ho],
  ];
  const taps = Array.from({ length: k * k }, (_, t) => t);
  const pads = ints('pads', [0, p, p, 0, 0, p, p, 0]);
  const shapes = [ints('cs', [N * Ho * Ho, k * k * C]), ints('ys2', [K, N * Ho * Ho])];
  const product = [
    node('Reshape', ['cc', 'cs'], 'cr'),
    node('Transpose', ['dy'], 'yt', { perm: [1, 0, 2, 3] }),
    node('Reshape', ['yt', 'ys2'], 'y2'),
    node('MatMul', ['y2', 'cr'], 'dw'),
  ];
  const rowsOf = (at) => {
    const index = [];
    for (let n = 0; n < N; n++)
      for (let i = 0; i < Ho; i++)
        for (let j = 0; j < Ho; j++)
          for (const t of taps) index.push(at(n, i * s + Math.floor(t / k), j * s + (t % k)));
    return index;
  };
  const inputs = { x, dy: y };
  const outputs = { dw: [K, k * k * C] };
  const int32 = (name, values) => ({ name, dtype: 'int32', shape: [values.length], data: Int32Array.from(values) });
  compare(
    `dW ${N}: ${C} -> ${K}, ${H}x${H}, ${k}x${k}, stride ${s}`,
    [
      {
        name: 'slices, Concat',
        inputs,
        outputs,
        constants: [
          pads,
          ints('hw', [1, 2]),
          ints('step', [s, s]),
          ...taps.flatMap((t) => [
            ints(`b${t}`, [(t / k) | 0, t % k]),
            ints(`e${t}`, [((t / k) | 0) + (Ho - 1) * s + 1, (t % k) + (Ho - 1) * s + 1]),
          ]),
          ...shapes,
        ],
        nodes: [
          node('Transpose', ['x'], 'xt', { perm: [0, 2, 3, 1] }),
          node('Pad', ['xt', 'pads'], 'xp'),
          ...taps.map((t) => node('Slice', ['xp', `b${t}`, `e${t}`, 'hw', 'step'], `t${t}`)),
          node(
            'Concat',
            taps.map((t) => `t${t}`),
            'cc',
            { axis: 3 },
          ),
          ...product,
        ],
      },
      {
        name: 'a batched product per tap',
        inputs,
        outputs,
        constants: [
          ints('padsChannelsFirst', [0, 0, p, p, 0, 0, p, p]),
          ints('hw', [2, 3]),
          ints('step', [s, s]),
          ...taps.flatMap((t) => [
            ints(`b${t}`, [(t / k) | 0, t % k]),
            ints(`e${t}`, [((t / k) | 0) + (Ho - 1) * s + 1, (t % k) + (Ho - 1) * s + 1]),
          ]),
          ints('xs3', [N, C, Ho * Ho]),
          ints('ys3', [N, K, Ho * Ho]),
          ints('zero', [0]),
        ],
        nodes: [
          node('Pad', ['x', 'padsChannelsFirst'], 'xp'),
          ...taps.map((t) => node('Slice', ['xp', `b${t}`, `e${t}`, 'hw', 'step'], `t${t}`)),
          node('Reshape', ['dy', 'ys3'], 'y3'),
          ...taps.flatMap((t) => [
            node('Reshape', [`t${t}`, 'xs3'], `r${t}`),
            microsoft('FusedMatMul', ['y3', `r${t}`], `m${t}`, { transB: 1 }),
            node('ReduceSum', [`m${t}`, 'zero'], `s${t}`, { keepdims: 0 }),
          ]),
          node(
            'Concat',
            taps.map((t) => `s${t}`),
            'dw',
            { axis: 1 },
          ),
        ],
      },
      {
        name: 'Pad NHWC, Gather of rows',
        inputs,
        outputs,
        constants: [
          pads,
          ints('flat', [N * Hp * Hp, C]),
          int32(
            'rows',
            rowsOf((n, i, j) => (n * Hp + i) * Hp + j),
          ),
          ...shapes,
        ],
        nodes: [
          node('Transpose', ['x'], 'xt', { perm: [0, 2, 3, 1] }),
          node('Pad', ['xt', 'pads'], 'xp'),
          node('Reshape', ['xp', 'flat'], 'xf'),
          node('Gather', ['xf', 'rows'], 'cc', { axis: 0 }),
          ...product,
        ],
      },
      {
        name: 'a zero row, Gather of rows',
        inputs,
        outputs,
        constants: [
          ints('flat', [N * H * H, C]),
          { name: 'zero', dtype: 'float32', shape: [1, C], data: new Float32Array(C) },
          int32(
            'rows',
            rowsOf((n, i, j) => (i < p || j < p || i >= H + p || j >= H + p ? N * H * H : (n * H + i - p) * H + j - p)),
          ),
          ...shapes,
        ],
        nodes: [
          node('Transpose', ['x'], 'xt', { perm: [0, 2, 3, 1] }),
          node('Reshape', ['xt', 'flat'], 'xf'),
          node('Concat', ['xf', 'zero'], 'xz', { axis: 0 }),
          node('Gather', ['xz', 'rows'], 'cc', { axis: 0 }),
          ...product,
        ],
      },
      {
        name: 'slices of whole rows, Concat',
        inputs,
        outputs,
        constants: [
          pads,
          ints('h', [1]),
          ints('w', [2]),
          ints('step', [s]),
          ...Array.from({ length: k }, (_, i) => [ints(`hb${i}`, [i]), ints(`he${i}`, [i + (Ho - 1) * s + 1])]).flat(),
          ...shapes,
        ],
        nodes: [
          node('Transpose', ['x'], 'xt', { perm: [0, 2, 3, 1] }),
          node('Pad', ['xt', 'pads'], 'xp'),
          ...Array.from({ length: k }, (_, j) => node('Slice', ['xp', `hb${j}`, `he${j}`, 'w', 'step'], `w${j}`)),
          node(
            'Concat',
            Array.from({ length: k }, (_, j) => `w${j}`),
            'ww',
            { axis: 3 },
          ),
          ...Array.from({ length: k }, (_, i) => node('Slice', ['ww', `hb${i}`, `he${i}`, 'h', 'step'], `h${i}`)),
          node(
            'Concat',
            Array.from({ length: k }, (_, i) => `h${i}`),
            'cc',
            { axis: 3 },
          ),
          ...product,
        ],
      },
    ],
    { flops, rounds: 6 },
  );
}
