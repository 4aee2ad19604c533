import type { HloBuilder } from './operations.js';
import { list } from './operations.js';
import type { HloValue, TensorType } from './types.js';

/** Row-major: the last axis is the innermost. */
const rowMajor = ({ shape }: TensorType) => {
  const axes = [...shape.keys()].reverse();
  return axes.length > 0 ? `dense<${list(axes)}> : tensor<${axes.length}xindex>` : 'dense<> : tensor<0xindex>';
};

/**
 * A call of something that the compiler knows by name, such as a library's kernel. All operands and results lie row-major.
 *
 * @param config what the callee is told, as JSON
 */
export function customCall(
  b: HloBuilder,
  target: string,
  operands: readonly HloValue[],
  results: readonly TensorType[],
  config: unknown,
): HloValue[] {
  const text = JSON.stringify(config).replaceAll('\\', '\\\\').replaceAll('"', '\\22');
  const attributes = [
    'api_version = 2 : i32',
    `backend_config = "${text}"`,
    `call_target_name = "${target}"`,
    'called_computations = []',
    'has_side_effect = false',
    `operand_layouts = ${list(operands.map(rowMajor))}`,
    `result_layouts = ${list(results.map(rowMajor))}`,
  ];
  return b.generic('stablehlo.custom_call', operands, results, attributes);
}
