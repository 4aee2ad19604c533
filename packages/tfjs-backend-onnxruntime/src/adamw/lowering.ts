import type { Emitter, Lowering } from '../lowering/emitter.js';

/**
 * The kernel `AdamW` inside the graph, for devices on which parameters and moments stay: the arithmetic of the SIMD code, see
 * {@link AdamWArena}.
 */
export const AdamWInGraph: Lowering = (e, names, { attrs, inputs, inputNames }) => {
  const { beta1, beta2, eps, row } = attrs as Record<string, number>;
  const named = (name: string) => names[inputNames.indexOf(name)];
  const [p, gradient, m, v] = names as [string, string, string, string];
  const hyper = named('hyper');
  // [1] from the table, [] where they are given one by one
  const cell = (name: string, column: number) =>
    hyper
      ? e.shared(`AdamW:${hyper}:${row}:${column}`, () =>
          e.reshape(e.slice(hyper, [row!, column], [row! + 1, column + 1], [0, 1]), [1]),
        )
      : named(name)!;
  const [rate, decay, step] = [cell('learningRate', 0), cell('weightDecay', 1), cell('step', 2)];
  const one = e.scalar(1);
  const [scale, healthy] = [named('scale'), named('healthy')];
  const g = scale ? e.op('Mul', [gradient, scale]) : gradient;
  const mean = blend(e, m, beta1!, g);
  const square = blend(e, v, beta2!, e.op('Mul', [g, g]));
  const correction = e.op('Div', [one, e.op('Sqrt', [debias(e, beta2!, step)])]);
  const root = e.op('Mul', [e.op('Sqrt', [square]), correction]);
  const direction = e.op('Div', [mean, e.op('Add', [root, e.scalar(eps!)])]);
  const shrink = e.op('Sub', [one, e.op('Mul', [rate, decay])]);
  const stepSize = e.op('Div', [rate, debias(e, beta1!, step)]);
  const next = e.op('Sub', [e.op('Mul', [p, shrink]), e.op('Mul', [direction, stepSize])]);
  const after: [string, string, number][] = [
    [next, p, 0],
    [mean, m, 2],
    [square, v, 3],
  ];
  return after.map(([value, before, input]) => {
    const { shape } = inputs[input]!;
    // a scalar times a rate of shape [1] has shape [1]
    const shaped = shape.length === 0 ? e.reshape(value, []) : value;
    return healthy ? e.op('Where', [healthy, shaped, before]) : shaped;
  });
};

/** before * beta + after * (1 - beta) */
function blend(e: Emitter, before: string, beta: number, after: string): string {
  return e.op('Add', [e.op('Mul', [before, e.scalar(beta)]), e.op('Mul', [after, e.scalar(1 - beta)])]);
}

/** 1 - beta^k = -(exp(z) + 1) * tanh(z / 2) with z = k log(beta), exact also where beta^k is close to 1. */
function debias(e: Emitter, beta: number, k: string): string {
  if (beta === 0) return e.scalar(1);
  return e.shared(`AdamW:debias:${k}:${beta}`, () => {
    const z = e.op('Mul', [k, e.scalar(Math.log(beta))]);
    const half = e.op('Tanh', [e.op('Mul', [z, e.scalar(-0.5)])]);
    return e.op('Mul', [e.op('Add', [e.op('Exp', [z]), e.scalar(1)]), half]);
  });
}
