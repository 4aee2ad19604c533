import { Builder, copyNode, type Node, type Program, rebuild, splatOf, type Value, type Visitor } from '@diptych/graph';

/** softmax(q k^T * scale + bias) v as it was recorded, and its gradients where the program has them. */
interface Attention {
  readonly scores: Node;
  readonly output: Node;
  /** The sum of scores and bias, and which of its operands the bias is. */
  readonly bias: { readonly sum: Node; readonly place: number } | undefined;
  readonly scale: number;
  /** dV = P^T dO, dQ = dS k, dK = dS^T q */
  readonly gradients: Readonly<Record<'dV' | 'dQ' | 'dK', Node>> | undefined;
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
  return dQ && dK ? { dV, dQ, dK } : undefined;
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
    const { output, gradients } = attention;
    for (const part of [output, gradients?.dV, gradients?.dQ, gradients?.dK]) if (part) partOf.set(part, attention);
  }
  const rebuilt = new Map<Value, Value>();
  const visit: Visitor = (node, inputs, b) => {
    node.inputs.forEach((input, i) => {
      rebuilt.set(input, inputs[i]!);
    });
    const attention = partOf.get(node);
    const fused = attention && emit(node, attention, (value) => rebuilt.get(value), b);
    const results = fused ? [fused] : copyNode(node, inputs, b);
    node.outputs.forEach((output, i) => {
      rebuilt.set(output, results[i]!);
    });
    return results;
  };
  return { ...rebuild(program, new Builder(), visit), inputs: program.inputs };
}

/** What a result of the pattern becomes; undefined where an operand is not there yet, so that the node stays as it is. */
function emit(
  node: Node,
  { scores, output, bias: added, scale, gradients }: Attention,
  look: (value: Value) => Value | undefined,
  b: Builder,
): Value | undefined {
  const originals = [...scores.inputs, output.inputs[1]!, ...(added ? [added.sum.inputs[added.place]!] : [])];
  const given = originals.flatMap((value) => look(value) ?? []);
  if (given.length < originals.length) return undefined;
  const names = ['q', 'k', 'v', ...(added ? ['bias'] : [])];
  const { shape } = output.outputs[0]!;
  const isTraining = gradients !== undefined;
  const float = (own: readonly number[]) => ({ shape: own, dtype: 'float32' as const });
  const types = [float(shape), ...(isTraining ? [float(shape.slice(0, 3))] : [])];
  const results = b.emitMany('FlashAttention', given, { scale, isTraining }, types, names);
  if (node === output) return results[0];
  const dy = look(gradients!.dV.inputs[1]!);
  if (!dy) return undefined;
  const [dQ, dK, dV] = b.emitMany(
    'FlashAttentionGrad',
    [...given, results[0]!, results[1]!, dy],
    { scale },
    given.slice(0, 3).map((operand) => float(operand.shape)),
    [...names, 'output', 'statistics', 'dy'],
  );
  return node === gradients!.dQ ? dQ : node === gradients!.dK ? dK : dV;
}
