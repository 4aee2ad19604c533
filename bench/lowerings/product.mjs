// Matrix products of BERT-base at 8 x 64 tokens: operand order, transposition, constant weights, attention.
import { compare, float, microsoft, node } from './candidates.mjs';

for (const [M, K, N] of [
  [512, 768, 768],
  [512, 768, 3072],
  [512, 3072, 768],
]) {
  const flops = 2 * M * K * N;
  const [x, w, y] = [
    [M, K],
    [N, K],
    [M, N],
  ];
  compare(
    `linear layer, forward [${x}] x [${w}]^T`,
    [
      {
        name: 'FusedMatMul transB',
        inputs: { x, w },
        outputs: { y },
        nodes: [microsoft('FusedMatMul', ['x', 'w'], 'y', { transB: 1 })],
      },
      { name: 'Gemm transB', inputs: { x, w }, outputs: { y }, nodes: [node('Gemm', ['x', 'w'], 'y', { transB: 1 })] },
      {
        name: 'Transpose, MatMul',
        inputs: { x, w },
        outputs: { y },
        nodes: [node('Transpose', ['w'], 'wt', { perm: [1, 0] }), node('MatMul', ['x', 'wt'], 'y')],
      },
      {
        name: 'Gemm transB with bias',
        inputs: { x, w, b: [N] },
        outputs: { y },
        nodes: [node('Gemm', ['x', 'w', 'b'], 'y', { transB: 1 })],
      },
      {
        name: 'FusedMatMul transB, Add',
        inputs: { x, w, b: [N] },
        outputs: { y },
        nodes: [microsoft('FusedMatMul', ['x', 'w'], 'm', { transB: 1 }), node('Add', ['m', 'b'], 'y')],
      },
      {
        name: 'constant weights, optimised (prepacked)',
        inputs: { x, w },
        outputs: { y },
        weights: ['w'],
        nodes: [node('Transpose', ['w'], 'wt', { perm: [1, 0] }), node('MatMul', ['x', 'wt'], 'y')],
      },
      {
        name: 'constant weights with bias, optimised',
        inputs: { x, w, b: [N] },
        outputs: { y },
        weights: ['w', 'b'],
        nodes: [
          node('Transpose', ['w'], 'wt', { perm: [1, 0] }),
          node('MatMul', ['x', 'wt'], 'm'),
          node('Add', ['m', 'b'], 'y'),
        ],
      },
    ],
    { flops, check: false },
  );
  compare(
    `linear layer, dX [${y}] x [${w}]`,
    [
      { name: 'MatMul', inputs: { dy: y, w }, outputs: { dx: x }, nodes: [node('MatMul', ['dy', 'w'], 'dx')] },
      { name: 'Gemm', inputs: { dy: y, w }, outputs: { dx: x }, nodes: [node('Gemm', ['dy', 'w'], 'dx')] },
    ],
    { flops },
  );
  compare(
    `linear layer, dW [${y}]^T x [${x}]`,
    [
      {
        name: 'FusedMatMul transA',
        inputs: { dy: y, x },
        outputs: { dw: w },
        nodes: [microsoft('FusedMatMul', ['dy', 'x'], 'dw', { transA: 1 })],
      },
      {
        name: 'Gemm transA',
        inputs: { dy: y, x },
        outputs: { dw: w },
        nodes: [node('Gemm', ['dy', 'x'], 'dw', { transA: 1 })],
      },
      {
        name: 'Transpose, MatMul',
        inputs: { dy: y, x },
        outputs: { dw: w },
        nodes: [node('Transpose', ['dy'], 'dyt', { perm: [1, 0] }), node('MatMul', ['dyt', 'x'], 'dw')],
      },
      {
        name: '(x^T dy)^T: transA of x, Transpose',
        inputs: { dy: y, x },
        outputs: { dw: w },
        nodes: [
          microsoft('FusedMatMul', ['x', 'dy'], 'dwt', { transA: 1 }),
          node('Transpose', ['dwt'], 'dw', { perm: [1, 0] }),
        ],
      },
    ],
    { flops },
  );
}
const [B, T, heads, D] = [8, 64, 12, 64];
const H = heads * D;
const [q, o, mask] = [
  [B, T, H],
  [B, T, H],
  [B, 1, 1, T],
];
const split = { dtype: 'int64', shape: [4], data: BigInt64Array.of(BigInt(B), BigInt(T), BigInt(heads), BigInt(D)) };
const merge = { name: 'merge', dtype: 'int64', shape: [3], data: BigInt64Array.of(BigInt(B), BigInt(T), BigInt(H)) };
const heads4 = (name, perm) => [
  node('Reshape', [name, 'split'], `${name}4`),
  node('Transpose', [`${name}4`], `${name}h`, { perm }),
];
const attention = { q, k: q, v: q };
const zeros = { mask: new Float32Array(B * T) };
compare(
  'attention forward, 8 x 64 tokens, 12 heads',
  [
    {
      name: 'split, product, softmax, product, merge',
      inputs: { ...attention, mask },
      data: zeros,
      outputs: { o },
      constants: [{ ...split, name: 'split' }, merge, float('scale', 0.125)],
      nodes: [
        ...heads4('q', [0, 2, 1, 3]),
        ...heads4('k', [0, 2, 3, 1]),
        ...heads4('v', [0, 2, 1, 3]),
        node('MatMul', ['qh', 'kh'], 's'),
        node('Mul', ['s', 'scale'], 'ss'),
        node('Add', ['ss', 'mask'], 'sm'),
        node('Softmax', ['sm'], 'p', { axis: -1 }),
        node('MatMul', ['p', 'vh'], 'oh'),
        node('Transpose', ['oh'], 'ot', { perm: [0, 2, 1, 3] }),
        node('Reshape', ['ot', 'merge'], 'o'),
      ],
    },
    {
      name: 'the same with FusedMatMul alpha, transB',
      inputs: { ...attention, mask },
      data: zeros,
      outputs: { o },
      constants: [{ ...split, name: 'split' }, merge],
      nodes: [
        ...heads4('q', [0, 2, 1, 3]),
        ...heads4('k', [0, 2, 1, 3]),
        ...heads4('v', [0, 2, 1, 3]),
        microsoft('FusedMatMul', ['qh', 'kh'], 's', { transB: 1, alpha: { float: 0.125 } }),
        node('Add', ['s', 'mask'], 'sm'),
        node('Softmax', ['sm'], 'p', { axis: -1 }),
        node('MatMul', ['p', 'vh'], 'oh'),
        node('Transpose', ['oh'], 'ot', { perm: [0, 2, 1, 3] }),
        node('Reshape', ['ot', 'merge'], 'o'),
      ],
    },
    {
      name: 'MultiHeadAttention with attention_bias',
      inputs: { ...attention, mask: [B, 1, T, T] },
      data: { mask: new Float32Array(B * T * T) },
      outputs: { o },
      nodes: [
        microsoft('MultiHeadAttention', ['q', 'k', 'v', '', '', 'mask'], 'o', {
          num_heads: heads,
          scale: { float: 0.125 },
        }),
      ],
    },
    {
      name: 'MultiHeadAttention without mask',
      inputs: { ...attention },
      outputs: { o },
      nodes: [microsoft('MultiHeadAttention', ['q', 'k', 'v'], 'o', { num_heads: heads, scale: { float: 0.125 } })],
    },
  ],
  { flops: 4 * B * heads * T * T * D },
);
const scores = [B, heads, T, T];
const head = [B, heads, T, D];
compare(
  'attention: dP = dO V^T, dV = P^T dO',
  [
    {
      name: 'FusedMatMul transB and transA',
      inputs: { dO: head, v: head, p: scores },
      outputs: { dp: scores, dv: head },
      nodes: [
        microsoft('FusedMatMul', ['dO', 'v'], 'dp', { transB: 1 }),
        microsoft('FusedMatMul', ['p', 'dO'], 'dv', { transA: 1 }),
      ],
    },
    {
      name: 'Transpose, MatMul',
      inputs: { dO: head, v: head, p: scores },
      outputs: { dp: scores, dv: head },
      nodes: [
        node('Transpose', ['v'], 'vt', { perm: [0, 1, 3, 2] }),
        node('MatMul', ['dO', 'vt'], 'dp'),
        node('Transpose', ['p'], 'pt', { perm: [0, 1, 3, 2] }),
        node('MatMul', ['pt', 'dO'], 'dv'),
      ],
    },
  ],
  { flops: 4 * B * heads * T * T * D },
);
