// Forward and backward forms of GELU, ReLU, layer norm, batch norm, dropout and softmax at the seed step's sizes.
import { compare, float, ints, microsoft, node } from './candidates.mjs';

const [T, H, F] = [512, 768, 3072]; // tokens, width, feed-forward width
const sqrtHalf = float('sqrtHalf', Math.SQRT1_2);
const [half, one, zero] = [float('half', 0.5), float('one', 1), float('zero', 0)];

compare('GELU forward [512,3072]', [
  {
    name: 'Mul Erf Add Mul Mul',
    inputs: { x: [T, F] },
    outputs: { y: [T, F] },
    constants: [sqrtHalf, half, one],
    nodes: [
      node('Mul', ['x', 'sqrtHalf'], 'a'),
      node('Erf', ['a'], 'e'),
      node('Add', ['e', 'one'], 'f'),
      node('Mul', ['x', 'half'], 'h'),
      node('Mul', ['h', 'f'], 'y'),
    ],
  },
  { name: 'Gelu (opset 20)', inputs: { x: [T, F] }, outputs: { y: [T, F] }, nodes: [node('Gelu', ['x'], 'y')] },
  { name: 'com.microsoft Gelu', inputs: { x: [T, F] }, outputs: { y: [T, F] }, nodes: [microsoft('Gelu', ['x'], 'y')] },
]);
compare('bias + GELU forward [512,3072]', [
  {
    name: 'Add, Gelu',
    inputs: { x: [T, F], b: [F] },
    outputs: { y: [T, F] },
    nodes: [node('Add', ['x', 'b'], 'a'), microsoft('Gelu', ['a'], 'y')],
  },
  {
    name: 'BiasGelu',
    inputs: { x: [T, F], b: [F] },
    outputs: { y: [T, F] },
    nodes: [microsoft('BiasGelu', ['x', 'b'], 'y')],
  },
]);
const pdf = [float('minusHalf', -0.5), float('c', 1 / Math.sqrt(2 * Math.PI))];
compare(
  'GELU backward [512,3072]',
  [
    {
      name: 'erf saved: dy*(0.5*f + x*pdf)',
      inputs: { x: [T, F], f: [T, F], dy: [T, F] },
      outputs: { dx: [T, F] },
      constants: [half, ...pdf],
      nodes: [
        node('Mul', ['x', 'x'], 'x2'),
        node('Mul', ['x2', 'minusHalf'], 'n'),
        node('Exp', ['n'], 'e'),
        node('Mul', ['e', 'c'], 'p'),
        node('Mul', ['x', 'p'], 'xp'),
        node('Mul', ['f', 'half'], 'hf'),
        node('Add', ['hf', 'xp'], 's'),
        node('Mul', ['dy', 's'], 'dx'),
      ],
    },
    {
      name: 'erf recomputed from x',
      inputs: { x: [T, F], dy: [T, F] },
      outputs: { dx: [T, F] },
      constants: [sqrtHalf, half, one, ...pdf],
      nodes: [
        node('Mul', ['x', 'sqrtHalf'], 'a'),
        node('Erf', ['a'], 'er'),
        node('Add', ['er', 'one'], 'f'),
        node('Mul', ['f', 'half'], 'hf'),
        node('Mul', ['x', 'x'], 'x2'),
        node('Mul', ['x2', 'minusHalf'], 'n'),
        node('Exp', ['n'], 'e'),
        node('Mul', ['e', 'c'], 'p'),
        node('Mul', ['x', 'p'], 'xp'),
        node('Add', ['hf', 'xp'], 's'),
        node('Mul', ['dy', 's'], 'dx'),
      ],
    },
    {
      name: 'by Softplus-free identity: Gelu(x)/x',
      inputs: { x: [T, F], y: [T, F], dy: [T, F] },
      outputs: { dx: [T, F] },
      constants: [...pdf],
      nodes: [
        node('Div', ['y', 'x'], 'hf'),
        node('Mul', ['x', 'x'], 'x2'),
        node('Mul', ['x2', 'minusHalf'], 'n'),
        node('Exp', ['n'], 'e'),
        node('Mul', ['e', 'c'], 'p'),
        node('Mul', ['x', 'p'], 'xp'),
        node('Add', ['hf', 'xp'], 's'),
        node('Mul', ['dy', 's'], 'dx'),
      ],
    },
  ],
  { check: false },
);

const lnInputs = { x: [T, H], g: [H], b: [H] };
const eps = float('eps', 1e-12);
const axis = ints('axis', [-1]);
compare('layer norm forward [512,768]', [
  {
    name: 'ReduceMean Sub Mul ReduceMean Add Sqrt Div Mul Add',
    inputs: lnInputs,
    outputs: { y: [T, H] },
    constants: [eps, axis],
    nodes: [
      node('ReduceMean', ['x', 'axis'], 'm'),
      node('Sub', ['x', 'm'], 'd'),
      node('Mul', ['d', 'd'], 'd2'),
      node('ReduceMean', ['d2', 'axis'], 'v'),
      node('Add', ['v', 'eps'], 've'),
      node('Sqrt', ['ve'], 's'),
      node('Div', ['d', 's'], 'h'),
      node('Mul', ['h', 'g'], 'hg'),
      node('Add', ['hg', 'b'], 'y'),
    ],
  },
  {
    name: 'LayerNormalization',
    inputs: lnInputs,
    outputs: { y: [T, H] },
    nodes: [node('LayerNormalization', ['x', 'g', 'b'], ['y'], { axis: -1, epsilon: { float: 1e-12 } })],
  },
  {
    name: 'LayerNormalization with mean and 1/std',
    inputs: lnInputs,
    outputs: { y: [T, H], m: [T, 1], r: [T, 1] },
    nodes: [node('LayerNormalization', ['x', 'g', 'b'], ['y', 'm', 'r'], { axis: -1, epsilon: { float: 1e-12 } })],
  },
]);
compare('residual + layer norm forward [512,768]', [
  {
    name: 'Add, LayerNormalization',
    inputs: { ...lnInputs, z: [T, H] },
    outputs: { y: [T, H], s: [T, H] },
    nodes: [
      node('Add', ['x', 'z'], 's'),
      node('LayerNormalization', ['s', 'g', 'b'], ['y'], { axis: -1, epsilon: { float: 1e-12 } }),
    ],
  },
  {
    name: 'SkipLayerNormalization',
    inputs: { ...lnInputs, z: [T, H] },
    outputs: { y: [T, H], s: [T, H] },
    nodes: [
      microsoft('SkipLayerNormalization', ['x', 'z', 'g', 'b'], ['y', '', '', 's'], { epsilon: { float: 1e-12 } }),
    ],
  },
]);
// dx = r * (dyg - mean(dyg) - h * mean(dyg * h)), dg = sum(dy * h), db = sum(dy), with h the normalised input
const rows = ints('rows', [0]);
const lnGrad = { h: [T, H], r: [T, 1], g: [H], dy: [T, H] };
const lnOut = { dx: [T, H], dg: [H], db: [H] };
compare('layer norm backward [512,768]', [
  {
    name: 'plain',
    inputs: lnGrad,
    outputs: lnOut,
    constants: [axis, rows],
    nodes: [
      node('Mul', ['dy', 'g'], 'q'),
      node('ReduceMean', ['q', 'axis'], 'm1'),
      node('Mul', ['q', 'h'], 'qh'),
      node('ReduceMean', ['qh', 'axis'], 'm2'),
      node('Mul', ['h', 'm2'], 'hm'),
      node('Sub', ['q', 'm1'], 'd1'),
      node('Sub', ['d1', 'hm'], 'd2'),
      node('Mul', ['d2', 'r'], 'dx'),
      node('Mul', ['dy', 'h'], 'dh'),
      node('ReduceSum', ['dh', 'rows'], 'dg', { keepdims: 0 }),
      node('ReduceSum', ['dy', 'rows'], 'db', { keepdims: 0 }),
    ],
  },
  {
    name: 'sums over rows by a product with ones',
    inputs: { ...lnGrad, ones: [1, T] },
    outputs: lnOut,
    data: { ones: new Float32Array(T).fill(1) },
    constants: [axis, ints('flat', [H])],
    nodes: [
      node('Mul', ['dy', 'g'], 'q'),
      node('ReduceMean', ['q', 'axis'], 'm1'),
      node('Mul', ['q', 'h'], 'qh'),
      node('ReduceMean', ['qh', 'axis'], 'm2'),
      node('Mul', ['h', 'm2'], 'hm'),
      node('Sub', ['q', 'm1'], 'd1'),
      node('Sub', ['d1', 'hm'], 'd2'),
      node('Mul', ['d2', 'r'], 'dx'),
      node('Mul', ['dy', 'h'], 'dh'),
      node('MatMul', ['ones', 'dh'], 'dg2'),
      node('Reshape', ['dg2', 'flat'], 'dg'),
      node('MatMul', ['ones', 'dy'], 'db2'),
      node('Reshape', ['db2', 'flat'], 'db'),
    ],
  },
  {
    name: 'means by products: [qh q] . 1/H',
    inputs: { ...lnGrad, w: [H, 1] },
    outputs: lnOut,
    data: { w: new Float32Array(H).fill(1 / H) },
    constants: [rows],
    nodes: [
      node('Mul', ['dy', 'g'], 'q'),
      node('MatMul', ['q', 'w'], 'm1'),
      node('Mul', ['q', 'h'], 'qh'),
      node('MatMul', ['qh', 'w'], 'm2'),
      node('Mul', ['h', 'm2'], 'hm'),
      node('Sub', ['q', 'm1'], 'd1'),
      node('Sub', ['d1', 'hm'], 'd2'),
      node('Mul', ['d2', 'r'], 'dx'),
      node('Mul', ['dy', 'h'], 'dh'),
      node('ReduceSum', ['dh', 'rows'], 'dg', { keepdims: 0 }),
      node('ReduceSum', ['dy', 'rows'], 'db', { keepdims: 0 }),
    ],
  },
]);
compare('bias gradient [512,3072] -> [3072]', [
  {
    name: 'ReduceSum',
    inputs: { dy: [T, F] },
    outputs: { db: [F] },
    constants: [rows],
    nodes: [node('ReduceSum', ['dy', 'rows'], 'db', { keepdims: 0 })],
  },
  {
    name: 'MatMul with ones',
    inputs: { dy: [T, F], ones: [1, T] },
    outputs: { db: [1, F] },
    data: { ones: new Float32Array(T).fill(1) },
    nodes: [node('MatMul', ['ones', 'dy'], 'db')],
  },
]);

const x56 = [8, 64, 56, 56];
const x256 = [8, 256, 56, 56];
compare('ReLU gradient [8,256,56,56]', [
  {
    name: 'Greater, Where',
    inputs: { y: x256, dy: x256 },
    outputs: { dx: x256 },
    constants: [zero],
    nodes: [node('Greater', ['y', 'zero'], 'p'), node('Where', ['p', 'dy', 'zero'], 'dx')],
  },
  {
    name: 'Greater, Cast, Mul',
    inputs: { y: x256, dy: x256 },
    outputs: { dx: x256 },
    constants: [zero],
    nodes: [node('Greater', ['y', 'zero'], 'p'), node('Cast', ['p'], 'c', { to: 1 }), node('Mul', ['dy', 'c'], 'dx')],
  },
  {
    name: 'Sign, Relu, Mul',
    inputs: { y: x256, dy: x256 },
    outputs: { dx: x256 },
    nodes: [node('Sign', ['y'], 's'), node('Relu', ['s'], 'c'), node('Mul', ['dy', 'c'], 'dx')],
  },
  {
    name: 'Cast to bool, Where (y is a ReLU output)',
    inputs: { y: x256, dy: x256 },
    outputs: { dx: x256 },
    constants: [zero],
    nodes: [node('Relu', ['y'], 'r'), node('Cast', ['r'], 'p', { to: 9 }), node('Where', ['p', 'dy', 'zero'], 'dx')],
  },
]);

for (const shape of [x56, x256]) {
  const [N, C, Hh, W] = shape;
  const bn = { x: shape, g: [C], b: [C] };
  const col = [1, C, 1, 1];
  const consts = [float('eps', 1e-5), ints('axes', [0, 2, 3]), ints('col', col)];
  compare(`batch norm, training, forward [${shape}]`, [
    {
      name: 'ReduceMean Sub Mul ReduceMean, scale and shift',
      inputs: bn,
      outputs: { y: shape },
      constants: consts,
      nodes: [
        node('ReduceMean', ['x', 'axes'], 'm'),
        node('Sub', ['x', 'm'], 'd'),
        node('Mul', ['d', 'd'], 'd2'),
        node('ReduceMean', ['d2', 'axes'], 'v'),
        node('Add', ['v', 'eps'], 've'),
        node('Sqrt', ['ve'], 's'),
        node('Reshape', ['g', 'col'], 'g4'),
        node('Reshape', ['b', 'col'], 'b4'),
        node('Div', ['g4', 's'], 'k'),
        node('Mul', ['d', 'k'], 'dk'),
        node('Add', ['dk', 'b4'], 'y'),
      ],
    },
    {
      name: 'mean, centred square, then BatchNormalization (inference form)',
      inputs: bn,
      outputs: { y: shape },
      constants: [...consts, ints('flat', [C])],
      nodes: [
        node('ReduceMean', ['x', 'axes'], 'm'),
        node('Sub', ['x', 'm'], 'd'),
        node('Mul', ['d', 'd'], 'd2'),
        node('ReduceMean', ['d2', 'axes'], 'v'),
        node('Reshape', ['m', 'flat'], 'm1'),
        node('Reshape', ['v', 'flat'], 'v1'),
        node('BatchNormalization', ['x', 'g', 'b', 'm1', 'v1'], ['y'], { epsilon: { float: 1e-5 } }),
      ],
    },
    {
      name: 'BatchNormalization training_mode, momentum 0',
      inputs: { ...bn, rm: [C], rv: [C] },
      outputs: { y: shape, m: [C], v: [C] },
      data: { rv: new Float32Array(C).fill(1) },
      nodes: [
        node('BatchNormalization', ['x', 'g', 'b', 'rm', 'rv'], ['y', 'm', 'v'], {
          training_mode: 1,
          momentum: { float: 0 },
          epsilon: { float: 1e-5 },
        }),
      ],
    },
    {
      name: 'mean of x and of x*x, then BatchNormalization',
      inputs: bn,
      outputs: { y: shape },
      constants: [...consts, ints('flat', [C])],
      nodes: [
        node('ReduceMean', ['x', 'axes'], 'm'),
        node('Mul', ['x', 'x'], 'x2'),
        node('ReduceMean', ['x2', 'axes'], 'q'),
        node('Mul', ['m', 'm'], 'mm'),
        node('Sub', ['q', 'mm'], 'v'),
        node('Reshape', ['m', 'flat'], 'm1'),
        node('Reshape', ['v', 'flat'], 'v1'),
        node('BatchNormalization', ['x', 'g', 'b', 'm1', 'v1'], ['y'], { epsilon: { float: 1e-5 } }),
      ],
    },
    {
      name: 'ReduceMean and ReduceSumSquare, then BatchNormalization',
      inputs: bn,
      outputs: { y: shape },
      constants: [...consts, ints('flat', [C]), float('count', 1 / (N * Hh * W))],
      nodes: [
        node('ReduceMean', ['x', 'axes'], 'm'),
        node('ReduceSumSquare', ['x', 'axes'], 'q0'),
        node('Mul', ['q0', 'count'], 'q'),
        node('Mul', ['m', 'm'], 'mm'),
        node('Sub', ['q', 'mm'], 'v'),
        node('Reshape', ['m', 'flat'], 'm1'),
        node('Reshape', ['v', 'flat'], 'v1'),
        node('BatchNormalization', ['x', 'g', 'b', 'm1', 'v1'], ['y'], { epsilon: { float: 1e-5 } }),
      ],
    },
    {
      name: 'squares by batched dot products, then BatchNormalization',
      inputs: bn,
      outputs: { y: shape },
      constants: [
        ...consts,
        ints('flat', [C]),
        float('count', 1 / (N * Hh * W)),
        ints('row', [N * C, 1, Hh * W]),
        ints('column', [N * C, Hh * W, 1]),
        ints('nc', [N, C]),
        ints('first', [0]),
      ],
      nodes: [
        node('ReduceMean', ['x', 'axes'], 'm'),
        node('Reshape', ['x', 'row'], 'xr'),
        node('Reshape', ['x', 'column'], 'xc'),
        node('MatMul', ['xr', 'xc'], 'dots'),
        node('Reshape', ['dots', 'nc'], 'dnc'),
        node('ReduceSum', ['dnc', 'first'], 'q0', { keepdims: 0 }),
        node('Mul', ['q0', 'count'], 'q'),
        node('Reshape', ['m', 'flat'], 'm1'),
        node('Mul', ['m1', 'm1'], 'mm'),
        node('Sub', ['q', 'mm'], 'v1'),
        node('BatchNormalization', ['x', 'g', 'b', 'm1', 'v1'], ['y'], { epsilon: { float: 1e-5 } }),
      ],
    },
  ]);
  compare(`sum over N,H,W [${shape}]`, [
    {
      name: 'ReduceSum [0,2,3]',
      inputs: { x: shape },
      outputs: { s: [C] },
      constants: [ints('axes', [0, 2, 3])],
      nodes: [node('ReduceSum', ['x', 'axes'], 's', { keepdims: 0 })],
    },
    {
      name: 'ReduceSum [2,3], then [0]',
      inputs: { x: shape },
      outputs: { s: [C] },
      constants: [ints('a', [2, 3]), ints('b', [0])],
      nodes: [node('ReduceSum', ['x', 'a'], 't', { keepdims: 0 }), node('ReduceSum', ['t', 'b'], 's', { keepdims: 0 })],
    },
    {
      name: 'GlobalAveragePool, ReduceSum',
      inputs: { x: shape },
      outputs: { s: [C] },
      constants: [ints('b', [0, 2, 3]), float('k', Hh * W)],
      nodes: [
        node('GlobalAveragePool', ['x'], 't'),
        node('ReduceSum', ['t', 'b'], 't2', { keepdims: 0 }),
        node('Mul', ['t2', 'k'], 's'),
      ],
    },
    {
      name: 'MatMul with ones, ReduceSum',
      inputs: { x: shape, ones: [Hh * W, 1] },
      outputs: { s: [C] },
      data: { ones: new Float32Array(Hh * W).fill(1) },
      constants: [ints('flat', [N, C, Hh * W]), ints('b', [0, 2])],
      nodes: [
        node('Reshape', ['x', 'flat'], 'r'),
        node('MatMul', ['r', 'ones'], 't'),
        node('ReduceSum', ['t', 'b'], 's', { keepdims: 0 }),
      ],
    },
  ]);
  compare(`sum over N,H,W of a product [${shape}]`, [
    {
      name: 'Mul, ReduceSum',
      inputs: { x: shape, dy: shape },
      outputs: { s: [C] },
      constants: [ints('axes', [0, 2, 3])],
      nodes: [node('Mul', ['x', 'dy'], 'p'), node('ReduceSum', ['p', 'axes'], 's', { keepdims: 0 })],
    },
    {
      name: 'batched dot products, ReduceSum',
      inputs: { x: shape, dy: shape },
      outputs: { s: [C] },
      constants: [
        ints('row', [N * C, 1, Hh * W]),
        ints('column', [N * C, Hh * W, 1]),
        ints('nc', [N, C]),
        ints('first', [0]),
      ],
      nodes: [
        node('Reshape', ['x', 'row'], 'xr'),
        node('Reshape', ['dy', 'column'], 'yc'),
        node('MatMul', ['xr', 'yc'], 'dots'),
        node('Reshape', ['dots', 'nc'], 'dnc'),
        node('ReduceSum', ['dnc', 'first'], 's', { keepdims: 0 }),
      ],
    },
  ]);
  // dx = a*dy + c*x + d with per-channel coefficients: all of batch norm's backward once the two sums are known
  const co = { a: col, c: col, d: col };
  compare(
    `a*dy + c*x + d per channel [${shape}]`,
    [
      {
        name: 'Mul Mul Add Add',
        inputs: { x: shape, dy: shape, ...co },
        outputs: { dx: shape },
        nodes: [
          node('Mul', ['dy', 'a'], 'p'),
          node('Mul', ['x', 'c'], 'q'),
          node('Add', ['p', 'q'], 'r'),
          node('Add', ['r', 'd'], 'dx'),
        ],
      },
      {
        name: 'BatchNormalization of x, Mul, Add',
        inputs: { x: shape, dy: shape, a: col, c: [C], d: [C], zero: [C], one: [C] },
        data: { zero: new Float32Array(C), one: new Float32Array(C).fill(1) },
        outputs: { dx: shape },
        nodes: [
          node('Mul', ['dy', 'a'], 'p'),
          node('BatchNormalization', ['x', 'c', 'd', 'zero', 'one'], ['q'], { epsilon: { float: 0 } }),
          node('Add', ['p', 'q'], 'dx'),
        ],
      },
      {
        name: 'two BatchNormalization, Sum',
        inputs: { x: shape, dy: shape, a: [C], c: [C], d: [C], zero: [C], one: [C] },
        data: { zero: new Float32Array(C), one: new Float32Array(C).fill(1) },
        outputs: { dx: shape },
        nodes: [
          node('BatchNormalization', ['dy', 'a', 'd', 'zero', 'one'], ['p'], { epsilon: { float: 0 } }),
          node('BatchNormalization', ['x', 'c', 'zero', 'zero', 'one'], ['q'], { epsilon: { float: 0 } }),
          node('Add', ['p', 'q'], 'dx'),
        ],
      },
      {
        name: 'depthwise Conv over [dy;x] is not one op; ScaleAndTranslate by Conv 1x1 group',
        inputs: { x: shape, dy: shape, a: [C, 1, 1, 1], c: [C, 1, 1, 1], d: [C] },
        outputs: { dx: shape },
        nodes: [
          node('Conv', ['dy', 'a', 'd'], ['p'], { group: C }),
          node('Conv', ['x', 'c'], ['q'], { group: C }),
          node('Add', ['p', 'q'], 'dx'),
        ],
      },
    ],
    { check: false },
  );
}
const att = [96, 64, 64];
compare('softmax forward [96,64,64]', [
  { name: 'Softmax', inputs: { x: att }, outputs: { y: att }, nodes: [node('Softmax', ['x'], 'y', { axis: -1 })] },
  {
    name: 'ReduceMax Sub Exp ReduceSum Div',
    inputs: { x: att },
    outputs: { y: att },
    constants: [axis],
    nodes: [
      node('ReduceMax', ['x', 'axis'], 'm'),
      node('Sub', ['x', 'm'], 'd'),
      node('Exp', ['d'], 'e'),
      node('ReduceSum', ['e', 'axis'], 's'),
      node('Div', ['e', 's'], 'y'),
    ],
  },
]);
compare('softmax backward [96,64,64]', [
  {
    name: 'Mul ReduceSum Mul Sub',
    inputs: { y: att, dy: att },
    outputs: { dx: att },
    constants: [axis],
    nodes: [
      node('Mul', ['y', 'dy'], 'p'),
      node('ReduceSum', ['p', 'axis'], 's'),
      node('Mul', ['y', 's'], 'q'),
      node('Sub', ['p', 'q'], 'dx'),
    ],
  },
  {
    name: 'Mul ReduceSum Sub Mul',
    inputs: { y: att, dy: att },
    outputs: { dx: att },
    constants: [axis],
    nodes: [
      node('Mul', ['y', 'dy'], 'p'),
      node('ReduceSum', ['p', 'axis'], 's'),
      node('Sub', ['dy', 's'], 'q'),
      node('Mul', ['y', 'q'], 'dx'),
    ],
  },
]);
compare(
  'dropout [512,768]',
  [
    {
      name: 'uniform: GreaterOrEqual, Cast, Mul, Mul',
      inputs: { x: [T, H], u: [T, H] },
      outputs: { y: [T, H] },
      constants: [float('p', 0.1), float('k', 1 / 0.9)],
      nodes: [
        node('GreaterOrEqual', ['u', 'p'], 'b'),
        node('Cast', ['b'], 'm', { to: 1 }),
        node('Mul', ['x', 'm'], 'xm'),
        node('Mul', ['xm', 'k'], 'y'),
      ],
    },
    {
      name: 'uniform: GreaterOrEqual, Mul, Where',
      inputs: { x: [T, H], u: [T, H] },
      outputs: { y: [T, H] },
      constants: [float('p', 0.1), float('k', 1 / 0.9), zero],
      nodes: [
        node('GreaterOrEqual', ['u', 'p'], 'b'),
        node('Mul', ['x', 'k'], 'xk'),
        node('Where', ['b', 'xk', 'zero'], 'y'),
      ],
    },
    {
      name: 'mask with 1/(1-p) fed: Mul',
      inputs: { x: [T, H], m: [T, H] },
      outputs: { y: [T, H] },
      nodes: [node('Mul', ['x', 'm'], 'y')],
    },
  ],
  { check: false },
);
