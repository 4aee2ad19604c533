import type { Emitter, Lowering } from './emitter.js';

/** PyTorch's guard against division by zero in `clip_grad_norm_`. */
const CLIP_EPSILON = 1e-6;
const LARGEST = 3.4028234663852886e38;

/** Columns of `hyper` [n, 3], and what all parameters' updates share. */
interface Shared {
  /** [n]: 1 - rate * decay. */
  shrink: string;
  /** [n]: rate / (1 - beta1^k). */
  step: string;
  /** [n]: 1 / sqrt(1 - beta2^k). */
  correction: string;
  /** What gradients are multiplied with; undefined without clipping. */
  clip: string | undefined;
  /** Whether to update at all; undefined without clipping. */
  healthy: string | undefined;
}

/**
 * AdamW of all parameters inside the graph, for devices on which parameters and moments stay: the arithmetic of the kernel in
 * WebAssembly, see {@link AdamWArena}.
 */
export const FusedAdamW: Lowering = (e, [hyper, ...rest], { attrs, inputs }) => {
  const { count, beta1, beta2, eps, maxNorm } = attrs as Record<string, number> & { maxNorm: number | null };
  const part = (index: number) => rest.slice(index * count!, (index + 1) * count!);
  const [parameters, gradients, firsts, seconds] = [part(0), part(1), part(2), part(3)];
  const squares = squaresOf(
    e,
    gradients,
    inputs.slice(1 + count!).map(({ shape }) => shape.length),
  );
  const shared = { ...ratesOf(e, hyper!, count!, beta1!, beta2!), ...clippingOf(e, squares, maxNorm) };
  const updated = parameters.map((p, i) => {
    const at = (rates: string) => e.slice(rates, [i], [i + 1], [0]);
    const g = shared.clip ? e.op('Mul', [gradients[i]!, shared.clip]) : gradients[i]!;
    const [m, v] = [firsts[i]!, seconds[i]!];
    const mean = blend(e, m, beta1!, g);
    const square = blend(e, v, beta2!, e.op('Mul', [g, g]));
    const root = e.op('Mul', [e.op('Sqrt', [square]), at(shared.correction)]);
    const direction = e.op('Div', [mean, e.op('Add', [root, e.scalar(eps!)])]);
    const next = e.op('Sub', [e.op('Mul', [p, at(shared.shrink)]), e.op('Mul', [direction, at(shared.step)])]);
    const { shape } = inputs[1 + i]!;
    // a scalar times a rate of shape [1] has shape [1]
    const shaped = shape.length === 0 ? e.reshape(next, []) : next;
    const unless = (after: string, before: string) =>
      shared.healthy ? e.op('Where', [shared.healthy, after, before]) : after;
    return { p: unless(shaped, p), m: unless(mean, m), v: unless(square, v) };
  });
  return [...updated.map(({ p }) => p), ...updated.map(({ m }) => m), ...updated.map(({ v }) => v), squares];
};

/** before * beta + after * (1 - beta) */
function blend(e: Emitter, before: string, beta: number, after: string): string {
  return e.op('Add', [e.op('Mul', [before, e.scalar(beta)]), e.op('Mul', [after, e.scalar(1 - beta)])]);
}

/** [n]: the sum of squares of each gradient. */
function squaresOf(e: Emitter, gradients: readonly string[], ranks: readonly number[]): string {
  const squares = gradients.map((gradient, i) => {
    const axes = Array.from({ length: ranks[i]! }, (_, axis) => axis);
    const square =
      ranks[i] === 0 ? e.op('Mul', [gradient, gradient]) : e.reduce('ReduceSumSquare', gradient, axes, false);
    return e.reshape(square, [1]);
  });
  return e.op('Concat', squares, { axis: 0 });
}

function ratesOf(e: Emitter, hyper: string, count: number, beta1: number, beta2: number) {
  const column = (index: number) => e.reshape(e.slice(hyper, [index], [index + 1], [1]), [count]);
  const [rate, decay, k] = [column(0), column(1), column(2)];
  const one = e.scalar(1);
  return {
    shrink: e.op('Sub', [one, e.op('Mul', [rate, decay])]),
    step: e.op('Div', [rate, debias(e, beta1, k)]),
    correction: e.op('Div', [one, e.op('Sqrt', [debias(e, beta2, k)])]),
  };
}

/** 1 - beta^k = -(exp(z) + 1) * tanh(z / 2) with z = k log(beta), exact also where beta^k is close to 1. */
function debias(e: Emitter, beta: number, k: string): string {
  if (beta === 0) return e.scalar(1);
  const z = e.op('Mul', [k, e.scalar(Math.log(beta))]);
  const half = e.op('Tanh', [e.op('Mul', [z, e.scalar(-0.5)])]);
  return e.op('Mul', [e.op('Add', [e.op('Exp', [z]), e.scalar(1)]), half]);
}

function clippingOf(e: Emitter, squares: string, maxNorm: number | null): Pick<Shared, 'clip' | 'healthy'> {
  if (maxNorm === null) return { clip: undefined, healthy: undefined };
  const norm = e.op('Sqrt', [e.reduce('ReduceSum', squares, [0], false)]);
  const healthy = e.op('LessOrEqual', [norm, e.scalar(LARGEST)]);
  if (maxNorm === Number.POSITIVE_INFINITY) return { clip: undefined, healthy };
  const ratio = e.op('Div', [e.scalar(maxNorm), e.op('Add', [norm, e.scalar(CLIP_EPSILON)])]);
  return { clip: e.op('Min', [ratio, e.scalar(1)]), healthy };
}
