import { Builder, copyNode, rebuild, type Visitor } from '../builder.js';
import type { Program } from '../program.js';
import { type Node, sameShape, type Value } from '../value.js';
import { SIMPLIFICATIONS, splatOf } from './simplify.js';

/** `(x - mean) * inverse * scale + shift`, with the statistics of x itself. */
interface Normalization {
  op: 'LayerNorm' | 'BatchNormTrain';
  x: Value;
  mean: Node;
  /** What the fused operation's third output is: 1 / deviation of layers, variance of batches. */
  spread: Node;
  scale: Value;
  shift: Value;
  epsilon: number;
}

const operandsOf = (value: Value | undefined, op: string): readonly Value[] | undefined =>
  value?.node?.op === op ? value.node.inputs : undefined;

/** Either order of a commutative operation's operands that `match` accepts. */
function either<T>(
  operands: readonly Value[] | undefined,
  match: (a: Value, b: Value) => T | undefined,
): T | undefined {
  if (!operands) return undefined;
  const [a, b] = operands as [Value, Value];
  return match(a, b) ?? match(b, a);
}

/** A reshape in between does not matter to a vector of one number a channel. */
const bare = (value: Value): Value => (value.node?.op === 'Reshape' ? value.node.inputs[0]! : value);

/** Matches the last operation of a normalisation as nn and tf.moments write it. */
function matchNormalization(output: Value): Normalization | undefined {
  return either(operandsOf(output, 'Add'), (scaled, shift) =>
    either(operandsOf(scaled, 'Multiply'), (hat, scale) =>
      either(operandsOf(hat, 'Multiply'), (centred, inverse) => {
        const [x, meanValue] = operandsOf(centred, 'Sub') ?? [];
        const mean = meanValue && bare(meanValue).node;
        const spread = bare(inverse);
        if (!x || mean?.op !== 'Mean' || mean.inputs[0] !== x || !isVector(scale) || !isVector(shift)) return undefined;
        return either(operandsOf(operandsOf(spread, 'Rsqrt')?.[0], 'Add'), (variance, offset) => {
          const epsilon = splatOf(offset);
          const spreadMean = bare(variance).node;
          const squared = operandsOf(operandsOf(bare(variance), 'Mean')?.[0], 'Square')?.[0];
          if (epsilon === undefined || squared !== centred || !sameAxes(spreadMean!, mean)) return undefined;
          const found = { x, mean, scale, shift, epsilon };
          const rank = x.shape.length;
          const axes = mean.attrs.axes as number[];
          if (axes.length === 1 && axes[0] === rank - 1 && mean.attrs.keepDims) {
            return { ...found, op: 'LayerNorm' as const, spread: spread.node! };
          }
          if (rank === 4 && axes.join() === '0,1,2' && !mean.attrs.keepDims) {
            return { ...found, op: 'BatchNormTrain' as const, spread: spreadMean! };
          }
          return undefined;
        });
      }),
    ),
  );
}

const sameAxes = (a: Node, b: Node) =>
  (a.attrs.axes as number[]).join() === (b.attrs.axes as number[]).join() && a.attrs.keepDims === b.attrs.keepDims;

/** Parameters are leaves, so they are at hand wherever the fused operation has to go. */
const isVector = (value: Value) => value.node === null && value.shape.length === 1;

/**
 * Layer normalisation, and batch normalisation in training, as one operation each, whose further outputs are the
 * statistics that the backward pass reads.
 *
 * Ba et al., Layer Normalization (2016); Ioffe and Szegedy, Batch Normalization (2015).
 */
export function fuseNormalization(program: Program): Program {
  const byMean = new Map<Node, Normalization>();
  const outputOf = new Map<Node, { of: Normalization; index: number }>();
  for (const node of program.nodes) {
    const found = node.op === 'Add' ? matchNormalization(node.outputs[0]!) : undefined;
    if (!found || byMean.has(found.mean)) continue;
    byMean.set(found.mean, found);
    outputOf.set(node, { of: found, index: 0 });
    outputOf.set(found.spread, { of: found, index: 2 });
  }
  const fused = new Map<Normalization, readonly Value[]>();
  const visit: Visitor = (node, inputs, builder) => {
    const starts = byMean.get(node);
    if (starts) {
      const outputs = emitFused(starts, inputs[0]!, builder);
      fused.set(starts, outputs);
      return [outputs[1]!];
    }
    const part = outputOf.get(node);
    return part ? [fused.get(part.of)![part.index]!] : copyNode(node, inputs, builder);
  };
  return rebuild(program, new Builder(SIMPLIFICATIONS), visit);
}

function emitFused({ op, mean, spread, scale, shift, epsilon }: Normalization, x: Value, builder: Builder) {
  const statistics = [mean, spread].map(({ outputs }) => ({ shape: outputs[0]!.shape, dtype: 'float32' as const }));
  const types = [{ shape: x.shape, dtype: 'float32' as const }, ...statistics];
  return builder.emitMany(op, [x, scale, shift], { epsilon }, types, ['x', 'scale', 'shift']);
}

/** True for a vector with one number for each channel of `x`. */
export function isPerChannel(vector: Value, x: Value): boolean {
  const channels = x.shape.at(-1)!;
  return (
    sameShape(vector.shape, [channels]) || sameShape(vector.shape, [1, 1, 1, channels]) || vector.shape.length === 0
  );
}
