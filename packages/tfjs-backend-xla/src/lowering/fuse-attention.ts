import { Builder, copyNode, type Node, type Program, rebuild, splatOf, type Value, type Visitor } from '@diptych/graph';

/** softmax(q k^T * scale + bias) v as it was recorded, and its gradients where the program has them. */
interface Attention {
  readonly scores: Node;
  readonly output: Node;
  /** The sum of scores and bias, and which of its operands the bias is. */
  readonly bias: { readonly sum: Node; readonly place: number } | undefined;
  readonly scale: number;
  /** dP = dO v^T, dV = P^T dO, dQ = dS k, dK = dS^T q */
  readonly gradients: Readonly<Record<'dP' | 'dV' | 'dQ' | 'dK', Node>> | undefined;
}

/** The head widths that cuDNN's kernels take. */
const MAX_WIDTH = 128;

/** Keys that they take at a time. */
const TILE = 128;

type Readers = ReadonlyMap<Value, readonly Node[]>;

const isProduct = (node: Node | null | undefined, transposeA: boolean, transposeB: boolean): node is Node =>
  node?.op === 'BatchMatMul' &&
  Boolean(node.attrs.transposeA) === transposeA &&
  Boolean(node.attrs.transposeB) === transposeB;

/** x of `x * constant`, in either order. */
function scaled({ node }: Value): { x: Value; factor: number } | undefined {
  if (node?.op !== 'Multiply') return undefined;
  for (const [x, factor] of [node.inputs, [...node.inputs].reverse()] as [Value, Value][]) {
    const splat = splatOf(factor);
    if (splat !== undefined) return { x, factor: splat };
  }
  return undefined;
}

/** The product of queries and keys, times a scale. */
function scoresOf(value: Value): { node: Node; scale: number } | undefined {
  const times = scaled(value);
  const { node } = times?.x ?? value;
  return isProduct(node, false, true) ? { node, scale: times?.factor ?? 1 } : undefined;
}

function match(softmax: Node, readers: Readers): Attention | undefined {
  const [logits] = softmax.inputs as [Value];
  const [weights] = softmax.outputs as [Value];
  const sum = logits.node?.op === 'Add' ? logits.node : undefined;
  const place = sum ? [1, 0].find((i) => scoresOf(sum.inputs[1 - i]!)) : undefined;
  const scores = scoresOf(sum && place !== undefined ? sum.inputs[1 - place]! : logits);
  if (!scores) return undefined;
  const users = readers.get(weights) ?? [];
  const output = users.find((node) => isProduct(node, false, false) && node.inputs[0] === weights);
  if (!output) return undefined;
  const bias = sum && place !== undefined ? { sum, place } : undefined;
  const attention = { scores: scores.node, output, bias, scale: scores.scale };
  if (users.length === 1) return { ...attention, gradients: undefined };
  const gradients = matchGradients(attention, weights, users, readers);
  return gradients && { ...attention, gradients };
}

/** The gradients as tfjs's kernels have them: dT = dP * P, dS = (dT - sum(dT) * P) * scale. */
function matchGradients(
  { scores, output, scale }: Pick<Attention, 'scores' | 'output' | 'scale'>,
  weights: Value,
  users: readonly Node[],
  readers: Readers,
): Attention['gradients'] {
  const dV = users.find((node) => isProduct(node, true, false) && node.inputs[0] === weights);
  const isPart = (value: Value) => isProduct(value.node, false, true) && value.node.inputs[1] === output.inputs[1];
  const dT = users.find((node) => node.op === 'Multiply' && node.inputs.some(isPart));
  const dP = dT?.inputs.find(isPart)?.node;
  if (!dV || !dP || dP.inputs[0] !== dV.inputs[1] || users.length !== 4) return undefined;
  const difference = (readers.get(dT!.outputs[0]!) ?? []).find(({ op }) => op === 'Sub')?.outputs[0];
  const times = difference && (scale === 1 ? [difference] : readers.get(difference)?.map(({ outputs }) => outputs[0]!));
  const dS = times?.find((value) => scale === 1 || scaled(value)?.factor === scale);
  const products = dS ? (readers.get(dS) ?? []) : [];
  const dQ = products.find((node) => isProduct(node, false, false) && node.inputs[1] === scores.inputs[1]);
  const dK = products.find((node) => isProduct(node, true, false) && node.inputs[1] === scores.inputs[0]);
  return dQ && dK ? { dP, dV, dQ, dK } : undefined;
}

/**
 * What cuDNN's kernels ask of shapes. With a bias, training takes even lengths, and not those of half a tile: there cuDNN's gradient of the
 * queries is NaN in rows whose scores are all very low, such as those of padding (pytorch/pytorch#196678).
 */
function isSupported({ scores, output, bias, gradients }: Attention): boolean {
  const [q, k] = scores.inputs as [Value, Value];
  const v = output.inputs[1]!;
  if ([q, k, v].some(({ shape }) => shape.length !== 4) || (bias && bias.sum.inputs[bias.place]!.shape.length !== 4))
    return false;
  const [queries, width] = q.shape.slice(2) as [number, number];
  const sizes = [k.shape[3], v.shape[3]].every((size) => size === width) && q.shape[0] === k.shape[0];
  const trains = [queries, k.shape[2]!].every((length) => length % 2 === 0 && length % TILE !== TILE / 2);
  return sizes && width <= MAX_WIDTH && width % 8 === 0 && (!bias || !gradients || trains);
}

/**
 * Attention as one operation, `FlashAttention` of queries, keys, values and a bias, and its gradient as another: what lies between
 * them, [batch, heads, queries, keys], is never in memory (Dao et al. 2022). Not where weights are dropped out, or read by
 * somebody else.
 */
export function fuseAttention(program: Program): Program {
  const readers = new Map<Value, Node[]>();
  for (const node of program.nodes)
    for (const input of new Set(node.inputs)) readers.set(input, [...(readers.get(input) ?? []), node]);
  const outputs = new Set(program.outputs);
  const partOf = new Map<Node, Attention>();
  for (const node of program.nodes) {
    if (node.op !== 'Softmax' || outputs.has(node.outputs[0]!)) continue;
    const attention = match(node, readers);
    if (!attention || !isSupported(attention)) continue;
    const { scores, bias, output: result, gradients } = attention;
    for (const part of [scores, ...(bias ? [bias.sum] : []), result, ...Object.values(gradients ?? {})])
      partOf.set(part, attention);
  }
  const operands = new Map<Node, Value[]>();
  const visit: Visitor = (node, inputs, b) => {
    const attention = partOf.get(node);
    if (!attention) return copyNode(node, inputs, b);
    operands.set(node, inputs);
    const fused = emit(node, attention, operands, b);
    return fused ? [fused] : copyNode(node, inputs, b);
  };
  return { ...rebuild(program, new Builder(), visit), inputs: program.inputs };
}

/** What a node of the pattern becomes, given the operands of those before it. */
function emit(
  node: Node,
  { scores, output, bias: added, scale, gradients }: Attention,
  operands: ReadonlyMap<Node, Value[]>,
  b: Builder,
): Value | undefined {
  if (node === scores || node === added?.sum || node === gradients?.dP) return undefined;
  const bias = added && operands.get(added.sum)![added.place]!;
  const [q, k] = operands.get(scores) as [Value, Value];
  const v = operands.get(output)![1]!;
  const { shape } = output.outputs[0]!;
  const names = ['q', 'k', 'v', ...(bias ? ['bias'] : [])];
  const given = [q, k, v, ...(bias ? [bias] : [])];
  const statistics = { shape: shape.slice(0, 3), dtype: 'float32' as const };
  const isTraining = gradients !== undefined;
  const types = [{ shape, dtype: 'float32' as const }, ...(isTraining ? [statistics] : [])];
  const results = b.emitMany('FlashAttention', given, { scale, isTraining }, types, names);
  if (node === output) return results[0];
  const dO = operands.get(gradients!.dP)![0]!;
  const like = [q, k, v].map(({ shape: own }) => ({ shape: own, dtype: 'float32' as const }));
  const taken = [...given, results[0]!, results[1]!, dO];
  const [dQ, dK, dV] = b.emitMany('FlashAttentionGrad', taken, { scale }, like, [
    ...names,
    'output',
    'statistics',
    'dy',
  ]);
  return node === gradients!.dQ ? dQ : node === gradients!.dK ? dK : dV;
}
