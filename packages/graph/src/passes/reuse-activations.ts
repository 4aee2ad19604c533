import { Builder, type Rule, rebuild } from '../builder.js';
import type { Program } from '../program.js';
import { sameShape, type Value } from '../value.js';
import { SIMPLIFICATIONS, splatOf } from './simplify.js';

/**
 * `x > 0` asks the same of relu(x). The next layer keeps relu(x) for its own gradient anyway, so that x itself need not
 * be kept for ReLU's.
 */
const askActivation: Rule = ({ inputs: [x, zero], shape }, b) => {
  if (splatOf(zero!) !== 0 || x!.dtype !== 'float32' || x!.node?.op === 'Relu') return undefined;
  const relu = b.existing('Relu', [x!], {}, x!.shape, 'float32', ['x']);
  return relu && b.emit('Greater', [relu, zero!], {}, shape, 'bool');
};

/** `scale` where a random number is at least `threshold`, else 0: a dropout mask, drawn as such. */
const drawMask: Rule = ({ inputs: [mask, factor], shape }, b) => {
  const scale = splatOf(factor!);
  const kept = mask!.node?.op === 'Cast' ? mask!.node.inputs[0]!.node : undefined;
  const threshold = kept?.op === 'GreaterEqual' ? splatOf(kept.inputs[1]!) : undefined;
  const uniform = kept?.inputs[0];
  if (scale === undefined || threshold === undefined || uniform?.node?.op !== 'PhiloxUniform') return undefined;
  if (!sameShape(uniform.shape, shape)) return undefined;
  const attrs = { ...uniform.node.attrs, threshold, scale };
  return b.emit('PhiloxMask', uniform.node.inputs as Value[], attrs, shape, 'float32', ['state']);
};

const RULES = {
  ...SIMPLIFICATIONS,
  Greater: [askActivation, ...SIMPLIFICATIONS.Greater!],
  Multiply: [drawMask, ...SIMPLIFICATIONS.Multiply!],
};

/** Keeps fewer tensors for the backward pass. */
export function reuseActivations(program: Program): Program {
  return rebuild(program, new Builder(RULES));
}
