// Attention by cuDNN, in the form in which XLA knows it: a call whose configuration is XLA's `CudnnfMHABackendConfig`
// (xla/service/gpu/backend_configs.proto), axes [batch, heads, tokens, width].
import type { Node } from '@diptych/graph';
import { customCall, type HloValue, type TensorType } from '../stablehlo/index.js';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';

const BATCH_AND_HEADS = ['0', '1'];

/** Axes that a product sums over, of its left and its right operand. */
const product = (left: number, right: number) => ({
  lhs_contracting_dimensions: [String(left)],
  rhs_contracting_dimensions: [String(right)],
  lhs_batch_dimensions: BATCH_AND_HEADS,
  rhs_batch_dimensions: BATCH_AND_HEADS,
});

const FORWARD = { bmm1_dot_dimension_numbers: product(3, 3), bmm2_dot_dimension_numbers: product(3, 2) };
const BACKWARD = {
  bmm1_grad_gemm1_dot_dimension_numbers: product(2, 2),
  bmm1_grad_gemm2_dot_dimension_numbers: product(3, 2),
  bmm2_grad_gemm1_dot_dimension_numbers: product(2, 2),
  bmm2_grad_gemm2_dot_dimension_numbers: product(3, 3),
};

/** The scores that are never written: [batch, heads, queries, keys] of bfloat16. */
function scoresShape(dimensions: readonly number[]) {
  return {
    element_type: 'BF16',
    dimensions: dimensions.map(String),
    layout: { minor_to_major: ['3', '2', '1', '0'] },
    is_dynamic_dimension: [false, false, false, false],
  };
}

function configOf([q, k]: readonly HloValue[], { attrs }: Node, products: object) {
  const [batch, heads, queries] = q!.shape as [number, number, number];
  return {
    operation_queue_id: '0',
    cudnn_fmha_backend_config: {
      algorithm: {
        algo_id: '0',
        math_type: 'TENSOR_OP_MATH',
        tuning_knobs: { 17: '1', 24: '0' },
        is_cudnn_frontend: true,
      },
      fmha_scale: attrs.scale,
      dropout_rate: 0,
      intermediate_tensor_shape: scoresShape([batch, heads, queries, k!.shape[2]!]),
      seed: 0,
      is_flash_attention: true,
      mask_type: 'NO_MASK',
      sliding_window_length: 0,
      ...products,
    },
  };
}

/** Memory that the call asks for when it runs. */
const WORKSPACE: TensorType = { shape: [0], elementType: 'ui8' };

/** Operands by name, those that are multiplied in bfloat16; a bias written out for all queries and keys. */
function operandsOf(e: Emitter, inputs: readonly HloValue[], { inputNames }: Node) {
  const named = (name: string) => inputs[inputNames.indexOf(name)]!;
  const narrow = (name: string) => e.convert(named(name), 'bf16');
  const [q, k, v] = [narrow('q'), narrow('k'), narrow('v')];
  const bias = inputNames.includes('bias') ? [wholeBias(e, narrow('bias'), q, k)] : [];
  return { q, k, v, bias, named, narrow };
}

const wholeBias = (e: Emitter, bias: HloValue, q: HloValue, k: HloValue) =>
  e.broadcastTo(bias, [bias.shape[0]!, bias.shape[1]!, q.shape[2]!, k.shape[2]!]);

const FlashAttention: Lowering = (e, inputs, node) => {
  const { q, k, v, bias } = operandsOf(e, inputs, node);
  const types: TensorType[] = node.outputs.map(({ shape }, i) => ({ shape, elementType: i === 0 ? 'bf16' : 'f32' }));
  const target = bias.length > 0 ? '__cudnn$fmhaScaleBiasSoftmax' : '__cudnn$fmhaSoftmax';
  const results = customCall(e, target, [q, k, v, ...bias], [...types, WORKSPACE], configOf([q, k], node, FORWARD));
  return results.slice(0, types.length);
};

const FlashAttentionGrad: Lowering = (e, inputs, node) => {
  const { q, k, v, bias, named, narrow } = operandsOf(e, inputs, node);
  const operands = [q, k, v, named('statistics'), narrow('dy'), ...bias, narrow('output')];
  const target = `${bias.length > 0 ? '__cudnn$fmhaScaleBiasSoftmax' : '__cudnn$fmhaSoftmax'}Backward`;
  const types: TensorType[] = node.outputs.map(({ shape }) => ({ shape, elementType: 'bf16' }));
  return customCall(e, target, operands, [...types, WORKSPACE], configOf([q, k], node, BACKWARD)).slice(0, 3);
};

/** Attention and its gradient by cuDNN. */
export const ATTENTION: LoweringTable = { FlashAttention, FlashAttentionGrad };
