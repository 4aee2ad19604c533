// ResNet-50's convolutions at batch 8: plain and blocked (NCHWc) forms of the forward pass and of both gradients.
import { blocked, compare, ints, microsoft, node } from './candidates.mjs';

const N = 8;
const B = 16; // block of the NCHWc kernels with AVX-512

/** OIHW to O/B I/B H W Bi Bo, as nodes: parameters that live blocked need none of this. */
const blockFilter = (from, to, O, I, k) => ({
  nodes: [
    node('Reshape', [from, `${to}_split`], `${to}_6`),
    node('Transpose', [`${to}_6`], `${to}_t`, { perm: [0, 2, 4, 5, 3, 1] }),
    node('Reshape', [`${to}_t`, `${to}_shape`], to),
  ],
  constants: [ints(`${to}_split`, [O / B, B, I / B, B, k, k]), ints(`${to}_shape`, [O, I, k, k])],
});

const layers = [
  [64, 64, 56, 3, 1],
  [128, 128, 28, 3, 1],
  [256, 256, 14, 3, 1],
  [512, 512, 7, 3, 1],
  [256, 64, 56, 1, 1],
  [64, 256, 56, 1, 1],
  [512, 128, 28, 1, 1],
  [1024, 256, 14, 1, 1],
  [256, 1024, 14, 1, 1],
  [2048, 512, 7, 1, 1],
  [128, 128, 56, 3, 2],
  [512, 1024, 28, 1, 2],
];
for (const [C, K, H, k, s] of layers) {
  const p = (k - 1) >> 1;
  const Ho = Math.floor((H + 2 * p - k) / s) + 1;
  const flops = 2 * N * C * K * k * k * Ho * Ho;
  const name = `${C} -> ${K}, ${H}x${H}, ${k}x${k}, stride ${s}`;
  const [x, y, w] = [
    [N, C, H, H],
    [N, K, Ho, Ho],
    [K, C, k, k],
  ];
  const attributes = { kernel_shape: [k, k], pads: [p, p, p, p], strides: [s, s] };
  const filter = blockFilter('w', 'wb', K, C, k);
  compare(
    `forward ${name}`,
    [
      { name: 'Conv, NCHW', inputs: { x, w }, outputs: { y }, nodes: [node('Conv', ['x', 'w'], 'y', attributes)] },
      {
        name: 'blocked, all reordered',
        inputs: { x, w },
        outputs: { y },
        constants: filter.constants,
        nodes: [
          ...filter.nodes,
          blocked('ReorderInput', ['x'], 'xb'),
          blocked('Conv', ['xb', 'wb'], 'yb', attributes),
          blocked('ReorderOutput', ['yb'], 'y', { channels: K }),
        ],
      },
      {
        name: 'blocked, filter reordered',
        inputs: { xb: x, w },
        outputs: { yb: y },
        constants: filter.constants,
        nodes: [...filter.nodes, blocked('Conv', ['xb', 'wb'], 'yb', attributes)],
      },
      {
        name: 'blocked throughout',
        inputs: { xb: x, wb: w },
        outputs: { yb: y },
        nodes: [blocked('Conv', ['xb', 'wb'], 'yb', attributes)],
      },
      {
        name: 'Conv, constant filter, optimised',
        inputs: { x, w },
        outputs: { y },
        weights: ['w'],
        nodes: [node('Conv', ['x', 'w'], 'y', attributes)],
      },
    ].map((c) => ({ ...c, check: !c.inputs.xb })),
    { flops, check: false, rounds: 5 },
  );

  const out = H - ((Ho - 1) * s - 2 * p + k);
  const flip = k > 1 ? [node('Slice', ['w', 'start', 'stop', 'hw', 'minus'], 'wf')] : [];
  const flipped = k > 1 ? 'wf' : 'w';
  const flipConstants =
    k > 1 ? [ints('start', [-1, -1]), ints('stop', [-1000, -1000]), ints('hw', [2, 3]), ints('minus', [-1, -1])] : [];
  const turned = {
    nodes: [...flip, node('Transpose', [flipped], 'wt', { perm: [1, 0, 2, 3] })],
    constants: flipConstants,
  };
  const turnedBlocked = {
    nodes: [
      ...flip,
      node('Reshape', [flipped, 'split'], 'w6'),
      node('Transpose', ['w6'], 'w6t', { perm: [2, 0, 4, 5, 1, 3] }),
      node('Reshape', ['w6t', 'joined'], 'wtb'),
    ],
    constants: [...flipConstants, ints('split', [K / B, B, C / B, B, k, k]), ints('joined', [C, K, k, k])],
  };
  const back = { kernel_shape: [k, k], pads: [k - 1 - p, k - 1 - p, k - 1 - p, k - 1 - p] };
  // A stride is a dilation of dy: zeros between its pixels, made by padding two split axes.
  const dilate = (from, to, ch, tail) => ({
    nodes: [
      node('Reshape', [from, `${to}_s`], `${to}_1`),
      node('Pad', [`${to}_1`, `${to}_p`], `${to}_2`),
      node('Reshape', [`${to}_2`, `${to}_r`], to),
    ],
    constants: [
      ints(`${to}_s`, [N, ch, Ho, 1, Ho, 1, ...tail]),
      ints(`${to}_p`, [0, 0, 0, 0, 0, 0, ...tail.map(() => 0), 0, 0, 0, s - 1, 0, s - 1, ...tail.map(() => 0)]),
      ints(`${to}_r`, [N, ch * (tail[0] ?? 1), Ho * s, Ho * s]),
    ],
  });
  const candidates = [
    {
      name: 'ConvTranspose',
      inputs: { dy: y, w },
      outputs: { dx: x },
      nodes: [node('ConvTranspose', ['dy', 'w'], 'dx', { ...attributes, output_padding: [out, out] })],
    },
  ];
  if (s === 1) {
    candidates.push(
      {
        name: 'Conv with turned filter',
        inputs: { dy: y, w },
        outputs: { dx: x },
        constants: turned.constants,
        nodes: [...turned.nodes, node('Conv', ['dy', 'wt'], 'dx', back)],
      },
      {
        name: 'blocked Conv, filter turned and blocked from OIHW',
        inputs: { dyb: y, w },
        outputs: { dxb: x },
        constants: turnedBlocked.constants,
        nodes: [...turnedBlocked.nodes, blocked('Conv', ['dyb', 'wtb'], 'dxb', back)],
      },
      {
        name: 'blocked Conv, all reordered',
        inputs: { dy: y, w },
        outputs: { dx: x },
        constants: turnedBlocked.constants,
        nodes: [
          blocked('ReorderInput', ['dy'], 'dyb'),
          ...turnedBlocked.nodes,
          blocked('Conv', ['dyb', 'wtb'], 'dxb', back),
          blocked('ReorderOutput', ['dxb'], 'dx', { channels: C }),
        ],
      },
    );
  } else if (k === 1) {
    const small = [N, C, Ho, Ho];
    candidates.push(
      {
        name: 'Conv at the small size, then zeros between',
        inputs: { dy: y, w },
        outputs: { dx: x },
        constants: [...turned.constants, ...dilate('d', 'dx', C, []).constants],
        nodes: [...turned.nodes, node('Conv', ['dy', 'wt'], 'd', back), ...dilate('d', 'dx', C, []).nodes],
        small,
      },
      {
        name: 'the same, blocked',
        inputs: { dyb: y, w },
        outputs: { dx: x },
        constants: [...turnedBlocked.constants, ...dilate('d', 'dx', C / B, [B]).constants],
        nodes: [
          ...turnedBlocked.nodes,
          blocked('Conv', ['dyb', 'wtb'], 'd', back),
          ...dilate('d', 'dx', C / B, [B]).nodes,
        ],
      },
    );
  } else {
    const strided = { ...back, pads: [k - 1 - p, k - 1 - p, p, p] };
    candidates.push(
      {
        name: 'zeros between dy, Conv with turned filter',
        inputs: { dy: y, w },
        outputs: { dx: x },
        constants: [...turned.constants, ...dilate('dy', 'dd', K, []).constants],
        nodes: [...dilate('dy', 'dd', K, []).nodes, ...turned.nodes, node('Conv', ['dd', 'wt'], 'dx', strided)],
      },
      {
        name: 'the same, blocked',
        inputs: { dyb: y, w },
        outputs: { dx: x },
        constants: [...turnedBlocked.constants, ...dilate('dyb', 'dd', K / B, [B]).constants],
        nodes: [
          ...dilate('dyb', 'dd', K / B, [B]).nodes,
          ...turnedBlocked.nodes,
          blocked('Conv', ['dd', 'wtb'], 'dx', strided),
        ],
      },
    );
  }
  compare(`dX ${name}`, candidates, { flops, check: false, rounds: 5 });

  // dW: [K, C k k] = dy [K, N Ho Wo] . columns [C k k, N Ho Wo]
  const gradients = [];
  if (k === 1) {
    const pick =
      s === 1
        ? { nodes: [], from: 'x', constants: [] }
        : {
            nodes: [node('Slice', ['x', 's0', 's1', 'hw', 'step'], 'xs')],
            from: 'xs',
            constants: [ints('s0', [0, 0]), ints('s1', [H, H]), ints('hw', [2, 3]), ints('step', [s, s])],
          };
    gradients.push(
      {
        name: 'batched product, ReduceSum',
        inputs: { x, dy: y },
        outputs: { dw: [K, C] },
        constants: [...pick.constants, ints('xs3', [N, C, Ho * Ho]), ints('ys3', [N, K, Ho * Ho]), ints('zero', [0])],
        nodes: [
          ...pick.nodes,
          node('Reshape', [pick.from, 'xs3'], 'x3'),
          node('Reshape', ['dy', 'ys3'], 'y3'),
          microsoft('FusedMatMul', ['y3', 'x3'], 'm', { transB: 1 }),
          node('ReduceSum', ['m', 'zero'], 'dw', { keepdims: 0 }),
        ],
      },
      {
        name: 'both transposed to channels first, one product',
        inputs: { x, dy: y },
        outputs: { dw: [K, C] },
        constants: [...pick.constants, ints('xs2', [C, N * Ho * Ho]), ints('ys2', [K, N * Ho * Ho])],
        nodes: [
          ...pick.nodes,
          node('Transpose', [pick.from], 'xt', { perm: [1, 0, 2, 3] }),
          node('Transpose', ['dy'], 'yt', { perm: [1, 0, 2, 3] }),
          node('Reshape', ['xt', 'xs2'], 'x2'),
          node('Reshape', ['yt', 'ys2'], 'y2'),
          microsoft('FusedMatMul', ['y2', 'x2'], 'dw', { transB: 1 }),
        ],
      },
    );
    if (s === 1) {
      gradients.push(
        {
          name: 'blocked: [C/16, NHW, 16] batches of outer products (16 x 16)',
          inputs: { xb: [N, C / B, H * H, B], dyb: [N, K / B, H * H, B] },
          outputs: { dw: [K, C] },
          constants: [ints('xs', [N * H * H, C]), ints('ys', [N * H * H, K])],
          nodes: [
            node('Transpose', ['xb'], 'xt', { perm: [0, 2, 1, 3] }),
            node('Transpose', ['dyb'], 'yt', { perm: [0, 2, 1, 3] }),
            node('Reshape', ['xt', 'xs'], 'x2'),
            node('Reshape', ['yt', 'ys'], 'y2'),
            microsoft('FusedMatMul', ['y2', 'x2'], 'dw', { transA: 1 }),
          ],
        },
        {
          name: 'blocked: x to [NHW, C], dy to [K, NHW], one product',
          inputs: { xb: [N, C / B, H * H, B], dyb: [N, K / B, H * H, B] },
          outputs: { dw: [K, C] },
          constants: [ints('xs', [N * H * H, C]), ints('ys', [K, N * H * H])],
          nodes: [
            node('Transpose', ['xb'], 'xt', { perm: [0, 2, 1, 3] }),
            node('Transpose', ['dyb'], 'yt', { perm: [1, 3, 0, 2] }),
            node('Reshape', ['xt', 'xs'], 'x2'),
            node('Reshape', ['yt', 'ys'], 'y2'),
            node('MatMul', ['y2', 'x2'], 'dw'),
          ],
        },
        {
          name: 'blocked: ReorderOutput both, batched product',
          inputs: { xb: x, dyb: y },
          outputs: { dw: [K, C] },
          constants: [ints('xs3', [N, C, Ho * Ho]), ints('ys3', [N, K, Ho * Ho]), ints('zero', [0])],
          nodes: [
            blocked('ReorderOutput', ['xb'], 'x', { channels: C }),
            blocked('ReorderOutput', ['dyb'], 'dy', { channels: K }),
            node('Reshape', ['x', 'xs3'], 'x3'),
            node('Reshape', ['dy', 'ys3'], 'y3'),
            microsoft('FusedMatMul', ['y3', 'x3'], 'm', { transB: 1 }),
            node('ReduceSum', ['m', 'zero'], 'dw', { keepdims: 0 }),
          ],
        },
      );
    }
  } else {
    const taps = Array.from({ length: k * k }, (_, t) => t);
    const slices = (source, axes, hAxis) => ({
      nodes: taps.map((t) => node('Slice', [source, `b${t}`, `e${t}`, 'hw', 'step'], `t${t}`)),
      constants: [
        ints('hw', axes),
        ints('step', [s, s]),
        ...taps.flatMap((t) => [
          ints(`b${t}`, [(t / k) | 0, t % k]),
          ints(`e${t}`, [((t / k) | 0) + (Ho - 1) * s + 1, (t % k) + (Ho - 1) * s + 1]),
        ]),
      ],
      hAxis,
    });
    const nchw = slices('xp', [2, 3]);
    const pads = ints('pads', [0, 0, p, p, 0, 0, p, p]);
    gradients.push(
      {
        name: 'a batched product per tap',
        inputs: { x, dy: y },
        outputs: { dw: [K, C, k * k] },
        constants: [
          pads,
          ...nchw.constants,
          ints('xs3', [N, C, Ho * Ho]),
          ints('ys3', [N, K, Ho * Ho]),
          ints('zero', [0]),
          ints('two', [2]),
        ],
        nodes: [
          node('Pad', ['x', 'pads'], 'xp'),
          ...nchw.nodes,
          node('Reshape', ['dy', 'ys3'], 'y3'),
          ...taps.flatMap((t) => [
            node('Reshape', [`t${t}`, 'xs3'], `r${t}`),
            microsoft('FusedMatMul', ['y3', `r${t}`], `m${t}`, { transB: 1 }),
            node('ReduceSum', [`m${t}`, 'zero'], `s${t}`, { keepdims: 0 }),
            node('Unsqueeze', [`s${t}`, 'two'], `u${t}`),
          ]),
          node(
            'Concat',
            taps.map((t) => `u${t}`),
            'dw',
            { axis: 2 },
          ),
        ],
      },
      {
        name: 'channels first, columns of all taps, one product',
        inputs: { x, dy: y },
        outputs: { dw: [K, C, k, k] },
        constants: [
          pads,
          ...nchw.constants,
          ints('cs', [k * k * C, N * Ho * Ho]),
          ints('ys2', [K, N * Ho * Ho]),
          ints('ws', [K, k, k, C]),
        ],
        nodes: [
          node('Transpose', ['x'], 'xt', { perm: [1, 0, 2, 3] }),
          node('Pad', ['xt', 'pads'], 'xp'),
          ...nchw.nodes,
          node(
            'Concat',
            taps.map((t) => `t${t}`),
            'cc',
            { axis: 0 },
          ),
          node('Reshape', ['cc', 'cs'], 'cr'),
          node('Transpose', ['dy'], 'yt', { perm: [1, 0, 2, 3] }),
          node('Reshape', ['yt', 'ys2'], 'y2'),
          microsoft('FusedMatMul', ['y2', 'cr'], 'm', { transB: 1 }),
          node('Reshape', ['m', 'ws'], 'm4'),
          node('Transpose', ['m4'], 'dw', { perm: [0, 3, 1, 2] }),
        ],
      },
      {
        name: 'NHWC columns: x [NHW, kkC], dy [K, NHW], one product',
        inputs: { x, dy: y },
        outputs: { dw: [K, k * k * C] },
        constants: [
          ints('pads', [0, p, p, 0, 0, p, p, 0]),
          ints('hw', [1, 2]),
          ...nchw.constants.filter(({ name: n }) => n !== 'hw'),
          ints('cs', [N * Ho * Ho, k * k * C]),
          ints('ys2', [K, N * Ho * Ho]),
        ],
        nodes: [
          node('Transpose', ['x'], 'xt', { perm: [0, 2, 3, 1] }),
          node('Pad', ['xt', 'pads'], 'xp'),
          ...nchw.nodes,
          node(
            'Concat',
            taps.map((t) => `t${t}`),
            'cc',
            { axis: 3 },
          ),
          node('Reshape', ['cc', 'cs'], 'cr'),
          node('Transpose', ['dy'], 'yt', { perm: [1, 0, 2, 3] }),
          node('Reshape', ['yt', 'ys2'], 'y2'),
          node('MatMul', ['y2', 'cr'], 'dw'),
        ],
      },
      {
        name: 'blocked x: NHWC columns from [N, H, W, C/16, 16]',
        inputs: { xb: [N, C / B, H, H, B], dyb: [N, K / B, Ho, Ho, B] },
        outputs: { dw: [K, k * k * C] },
        constants: [
          ints('pads', [0, p, p, 0, 0, 0, p, p, 0, 0]),
          ints('hw', [1, 2]),
          ...nchw.constants.filter(({ name: n }) => n !== 'hw'),
          ints('cs', [N * Ho * Ho, k * k * C]),
          ints('ys2', [K, N * Ho * Ho]),
        ],
        nodes: [
          node('Transpose', ['xb'], 'xt', { perm: [0, 2, 3, 1, 4] }),
          node('Pad', ['xt', 'pads'], 'xp'),
          ...nchw.nodes,
          node(
            'Concat',
            taps.map((t) => `t${t}`),
            'cc',
            { axis: 3 },
          ),
          node('Reshape', ['cc', 'cs'], 'cr'),
          node('Transpose', ['dyb'], 'yt', { perm: [1, 4, 0, 2, 3] }),
          node('Reshape', ['yt', 'ys2'], 'y2'),
          node('MatMul', ['y2', 'cr'], 'dw'),
        ],
      },
    );
    if (s === 1)
      gradients.push({
        name: 'Conv with swapped axes',
        inputs: { x, dy: y },
        outputs: { dw: [K, C, k, k] },
        nodes: [
          node('Transpose', ['x'], 'xt', { perm: [1, 0, 2, 3] }),
          node('Transpose', ['dy'], 'yt', { perm: [1, 0, 2, 3] }),
          node('Conv', ['xt', 'yt'], 'd', { kernel_shape: [Ho, Ho], pads: [p, p, p, p] }),
          node('Transpose', ['d'], 'dw', { perm: [1, 0, 2, 3] }),
        ],
      });
  }
  compare(`dW ${name}`, gradients, { flops, check: false, rounds: 5 });
}
