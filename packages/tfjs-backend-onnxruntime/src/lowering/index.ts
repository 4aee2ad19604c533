import type { Node } from '@diptych/graph';
import { CONVOLUTION } from './convolution.js';
import { ELEMENTWISE } from './elementwise.js';
import type { LoweringTable } from './emitter.js';
import { INDEXING } from './indexing.js';
import { MATMUL } from './matmul.js';
import { NORMALIZATION } from './normalization.js';
import { POOLING } from './pooling.js';
import { REDUCTION } from './reduction.js';
import { SHAPE } from './shape.js';

/** Every operation that has an ONNX form. */
export const LOWERINGS: LoweringTable = {
  ...ELEMENTWISE,
  ...REDUCTION,
  ...SHAPE,
  ...INDEXING,
  ...MATMUL,
  ...CONVOLUTION,
  ...POOLING,
  ...NORMALIZATION,
};

/** Cases in which an operation has no ONNX form, or one that means something else. */
const EXCEPTIONS: Readonly<Record<string, (node: Node) => boolean>> = {
  FloorDiv: ({ outputs }) => outputs[0]!.dtype === 'int32',
  MirrorPad: ({ attrs }) => attrs.mode !== 'reflect',
  Pow: ({ outputs }) => outputs[0]!.dtype !== 'float32',
};

/** True if ONNX Runtime can run the node. Empty tensors are left to the portable kernels. */
export function isLowerable(node: Node): boolean {
  if (!(node.op in LOWERINGS) || EXCEPTIONS[node.op]?.(node)) return false;
  return [...node.inputs, ...node.outputs].every(
    ({ size, dtype }) => size > 0 && dtype !== 'string' && dtype !== 'complex64',
  );
}
