import { Builder, type Rule, type RuleTable, rebuild } from '../builder.js';
import type { Program } from '../program.js';
import { sameShape, type Value } from '../value.js';
import { isPerChannel } from './fuse-normalization.js';
import { SIMPLIFICATIONS, splatOf } from './simplify.js';

/**
 * `x * scale + shift` with one scale and shift a channel: what chains of additions and multiplications by vectors come
 * to. An image is then read and written once, where the chain does so at every step.
 */
interface Affine {
  x: Value;
  scale: Value;
  shift: Value;
}

/** An image is a tensor of rank 4; a vector has one number a channel, or one for all. */
const isImage = (value: Value, shape: readonly number[]) => value.shape.length === 4 && sameShape(value.shape, shape);

const asVector = (value: Value, x: Value, b: Builder): Value => {
  const channels = x.shape[3]!;
  const splat = splatOf(value);
  if (splat !== undefined) return b.fill(splat, [channels]);
  return value.shape.length === 0 ? b.broadcastTo(value, [channels]) : b.reshape(value, [channels]);
};

/** An image and a vector among two operands. */
function imageAndVector(inputs: readonly Value[], shape: readonly number[]): [Value, Value] | undefined {
  for (const [image, vector] of [inputs, [inputs[1]!, inputs[0]!]] as [Value, Value][]) {
    if (isImage(image, shape) && isPerChannel(vector, image) && vector.dtype === 'float32') return [image, vector];
  }
  return undefined;
}

/** A value as an affine form of an image, if it is one or a single step away from it. */
function affineOf(value: Value, b: Builder): Affine | undefined {
  const { node, shape } = value;
  if (!node || shape.length !== 4) return undefined;
  if (node.op === 'ChannelAffine') return { x: node.inputs[0]!, scale: node.inputs[1]!, shift: node.inputs[2]! };
  if (!['Add', 'Sub', 'Multiply'].includes(node.op)) return undefined;
  const pair = imageAndVector(node.inputs, shape);
  if (!pair || (node.op === 'Sub' && pair[0] !== node.inputs[0])) return undefined;
  const [x] = pair;
  const vector = asVector(pair[1], x, b);
  const channels = [x.shape[3]!];
  if (node.op === 'Multiply') return { x, scale: vector, shift: b.fill(0, channels) };
  if (node.op === 'Add') return { x, scale: b.fill(1, channels), shift: vector };
  return node.op === 'Sub' ? { x, scale: b.fill(1, channels), shift: b.unary('Neg', vector) } : undefined;
}

const emitAffine = ({ x, scale, shift }: Affine, b: Builder): Value =>
  b.emit('ChannelAffine', [x, scale, shift], {}, x.shape, 'float32', ['x', 'scale', 'shift']);

const times = ({ x, scale, shift }: Affine, factor: Value, b: Builder): Affine => ({
  x,
  scale: b.binary('Multiply', scale, factor),
  shift: b.binary('Multiply', shift, factor),
});

/** `(x * a + b) * v`; and `(y + x * a + b) * v`, where the multiplication moves inside. */
const multiply: Rule = ({ inputs, shape }, b) => {
  const pair = imageAndVector(inputs, shape);
  if (!pair) return undefined;
  const [image, vector] = pair;
  const factor = () => asVector(vector, image, b);
  const affine =
    image.node?.op === 'Multiply' && splatOf(image.node.inputs[1]!) !== undefined ? undefined : affineOf(image, b);
  if (affine) return emitAffine(times(affine, factor(), b), b);
  if (image.node?.op !== 'Add') return undefined;
  const [y, inner] = image.node.inputs as [Value, Value];
  if (inner.node?.op !== 'ChannelAffine' || !isImage(y, shape)) return undefined;
  const scaled = emitAffine(times(affineOf(inner, b)!, factor(), b), b);
  return b.binary('Add', b.binary('Multiply', y, vector), scaled);
};

/** `x * a + b + v` and `x * a + b - v`. */
const addTo =
  (sign: 'Add' | 'Sub'): Rule =>
  ({ inputs, shape }, b) => {
    const pair = imageAndVector(inputs, shape);
    if (!pair || (sign === 'Sub' && pair[0] !== inputs[0])) return undefined;
    const affine = affineOf(pair[0], b);
    if (!affine) return undefined;
    return emitAffine({ ...affine, shift: b.binary(sign, affine.shift, asVector(pair[1], affine.x, b)) }, b);
  };

/** `y - (x * a + b)` as a sum, so that a factor on it can move inside. */
const subtract: Rule = ({ inputs: [y, inner], shape }, b) => {
  if (inner!.node?.op !== 'ChannelAffine' || !isImage(y!, shape)) return undefined;
  const { x, scale, shift } = affineOf(inner!, b)!;
  return b.binary('Add', y!, emitAffine({ x, scale: b.unary('Neg', scale), shift: b.unary('Neg', shift) }, b));
};

const before = (op: string, ...rules: Rule[]) => [...rules, ...(SIMPLIFICATIONS[op] ?? [])];

const RULES: RuleTable = {
  ...SIMPLIFICATIONS,
  Multiply: before('Multiply', multiply),
  Add: before('Add', addTo('Add')),
  Sub: before('Sub', subtract, addTo('Sub')),
};

/** Collapses chains on images of rank 4, among them both directions of batch normalisation. */
export function fuseChannelAffine(program: Program): Program {
  return rebuild(program, new Builder(RULES));
}
