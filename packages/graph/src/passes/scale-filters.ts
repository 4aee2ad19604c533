import { Builder, copyNode, rebuild, type Visitor } from '../builder.js';
import type { Program } from '../program.js';
import type { Node, Value } from '../value.js';
import { isPerChannel } from './fuse-normalization.js';
import { SIMPLIFICATIONS, splatOf } from './simplify.js';

/** Where the gradient of a convolution's result and its filter (or the filter's shape) are. */
const DY: Readonly<Record<string, number>> = { Conv2DBackpropInput: 0, Conv2DBackpropFilter: 1 };

const filterOf = ({ op, inputs, outputs }: Node): Value => (op === 'Conv2DBackpropInput' ? inputs[1]! : outputs[0]!);

/** An image and the vector of one factor a channel by which it is multiplied. */
function scaledImage({ node }: Value): { image: Value; factors: Value } | undefined {
  if (node?.op !== 'Multiply' || node.outputs[0]!.shape.length !== 4) return undefined;
  const [a, b] = node.inputs as [Value, Value];
  for (const [image, factors] of [
    [a, b],
    [b, a],
  ] as const) {
    const whole = image.size === node.outputs[0]!.size && splatOf(factors) === undefined;
    if (whole && factors.size < image.size && isPerChannel(factors, image)) return { image, factors };
  }
  return undefined;
}

/** Images this many times as large as the filter are worth a multiplication of the filter and one of its gradient. */
const WORTH = 4;

/**
 * A convolution's gradients are linear in its result's: where that is an image times one factor a channel, as batch
 * normalisation gives back, the filter and its gradient take the factors, and the image is read and written once less.
 */
export function scaleFilters(program: Program): Program {
  const readers = new Map<Value, Node[]>();
  for (const node of program.nodes) {
    for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  }
  const outputs = new Set(program.outputs);
  const takesFactors = (dy: Value) =>
    !outputs.has(dy) &&
    scaledImage(dy) !== undefined &&
    readers.get(dy)!.every((node) => {
      const at = DY[node.op];
      return at !== undefined && node.inputs.every((input, i) => (input === dy) === (i === at)) && pays(dy, node);
    });
  const pays = (dy: Value, node: Node) => dy.size >= WORTH * filterOf(node).size;

  const visit: Visitor = (node, inputs, b) => {
    const at = DY[node.op];
    const scaled = at !== undefined && takesFactors(node.inputs[at]!) ? scaledImage(inputs[at]!) : undefined;
    if (!scaled) return copyNode(node, inputs, b);
    const { image, factors } = scaled;
    const { shape, dtype } = node.outputs[0]!;
    const emit = (operands: readonly Value[]) => b.emit(node.op, operands, node.attrs, shape, dtype, node.inputNames);
    return node.op === 'Conv2DBackpropInput'
      ? [emit([image, b.binary('Multiply', inputs[1]!, factors)])]
      : [b.binary('Multiply', emit([inputs[0]!, image]), factors)];
  };
  return rebuild(program, new Builder(SIMPLIFICATIONS), visit);
}
