import type { HloValue } from '../stablehlo/index.js';
import type { Emitter, Lowering } from './emitter.js';
import { inFloat32 } from './precision.js';

/** before * beta + after * (1 - beta) */
const blend = (e: Emitter, before: HloValue, beta: number, after: HloValue) =>
  e.add(e.multiply(before, e.like(before, beta)), e.multiply(after, e.like(after, 1 - beta)));

/** 1 - beta^k = -expm1(k log(beta)), exact also where beta^k is close to 1. */
const debias = (e: Emitter, beta: number, k: HloValue) =>
  beta === 0
    ? e.like(k, 1)
    : e.unary('negate', e.unary('exponential_minus_one', e.multiply(k, e.like(k, Math.log(beta)))));

/**
 * The update of `torch.optim.AdamW` (Loshchilov and Hutter 2019) as arithmetic of one pass, in the forms that `fuseAdamW` of
 * @diptych/graph gives it: rates as a row of the table `hyper`, a gradient times `scale`, and nothing where it is not `healthy`.
 */
export const AdamW: Lowering = inFloat32((e, inputs, { attrs, inputNames }) => {
  const { beta1, beta2, eps, row } = attrs as { beta1: number; beta2: number; eps: number; row?: number };
  const named = (name: string): HloValue | undefined => inputs[inputNames.indexOf(name)];
  const [parameter, gradient, expAvg, expAvgSq] = inputs as [HloValue, HloValue, HloValue, HloValue];
  const { shape } = parameter;
  const wide = (x: HloValue) => e.broadcastTo(e.reshape(x, []), shape);
  const hyper = named('hyper');
  const rate = (name: string, column: number) =>
    hyper
      ? e.shared(`AdamW:${hyper.name}:${row}:${column}`, () =>
          e.reshape(e.slice(hyper, [row!, column], [row! + 1, column + 1]), []),
        )
      : e.reshape(named(name)!, []);
  const [learningRate, decay, step] = [rate('learningRate', 0), rate('weightDecay', 1), rate('step', 2)];

  const scale = named('scale');
  const g = scale ? e.multiply(gradient, wide(scale)) : gradient;
  const mean = blend(e, expAvg, beta1, g);
  const square = blend(e, expAvgSq, beta2, e.multiply(g, g));
  const factor = e.unary('rsqrt', debias(e, beta2, step));
  const root = e.multiply(e.unary('sqrt', square), wide(factor));
  const direction = e.divide(mean, e.add(root, e.like(root, eps)));
  const shrink = e.subtract(e.like(learningRate, 1), e.multiply(learningRate, decay));
  const stepSize = e.divide(learningRate, debias(e, beta1, step));
  const next = e.subtract(e.multiply(parameter, wide(shrink)), e.multiply(direction, wide(stepSize)));

  const healthy = named('healthy');
  const after = [next, mean, square];
  if (!healthy) return after;
  const before = [parameter, expAvg, expAvgSq];
  const condition = wide(healthy);
  return after.map((value, i) => e.select(condition, value, before[i]!));
});
