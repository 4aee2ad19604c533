/** A function with its gradient. */
export type Objective = (w: Float64Array) => Promise<{ readonly value: number; readonly gradient: Float64Array }>;

/** Steps and gradient changes that are remembered. */
const MEMORY = 10;
/** Ends when no entry of the gradient is larger, relative to the start's largest. */
const TOLERANCE = 1e-5;
const SUFFICIENT_DECREASE = 1e-4;
const MOST_HALVINGS = 30;

/**
 * Limited-memory BFGS with backtracking line search (Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 3.1), for
 * smooth convex functions.
 */
export async function minimize(
  objective: Objective,
  start: Float64Array,
  maxIterations: number,
): Promise<{ readonly solution: Float64Array; readonly value: number; readonly converged: boolean }> {
  let w = start;
  let { value, gradient } = await objective(w);
  const goal = TOLERANCE * Math.max(1, largest(gradient));
  const history: { readonly step: Float64Array; readonly change: Float64Array; readonly rho: number }[] = [];
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    if (largest(gradient) <= goal) return { solution: w, value, converged: true };
    const direction = descent(gradient, history);
    const slope = dot(direction, gradient);
    let length = history.length === 0 ? Math.min(1, 1 / largest(gradient)) : 1;
    let next = await objective(along(w, direction, length));
    for (let i = 0; i < MOST_HALVINGS && !(next.value <= value + SUFFICIENT_DECREASE * length * slope); i++) {
      length /= 2;
      next = await objective(along(w, direction, length));
    }
    if (!(next.value < value)) return { solution: w, value, converged: true }; // as far as float32 products carry
    const step = direction.map((d) => d * length);
    const change = next.gradient.map((g, i) => g - gradient[i]!);
    const curvature = dot(step, change);
    if (curvature > 1e-12) history.push({ step, change, rho: 1 / curvature });
    if (history.length > MEMORY) history.shift();
    w = along(w, direction, length);
    ({ value, gradient } = next);
  }
  return { solution: w, value, converged: false };
}

/** The two-loop recursion. */
function descent(
  gradient: Float64Array,
  history: readonly { readonly step: Float64Array; readonly change: Float64Array; readonly rho: number }[],
): Float64Array {
  const q = gradient.slice();
  const alphas = history.map(() => 0);
  for (let i = history.length - 1; i >= 0; i--) {
    const { step, change, rho } = history[i]!;
    alphas[i] = rho * dot(step, q);
    for (let j = 0; j < q.length; j++) q[j]! -= alphas[i]! * change[j]!;
  }
  const last = history.at(-1);
  const scale = last ? dot(last.step, last.change) / dot(last.change, last.change) : 1;
  for (let j = 0; j < q.length; j++) q[j]! *= scale;
  for (const [i, { step, change, rho }] of history.entries()) {
    const beta = rho * dot(change, q);
    for (let j = 0; j < q.length; j++) q[j]! += (alphas[i]! - beta) * step[j]!;
  }
  return q.map((value) => -value);
}

function along(w: Float64Array, direction: Float64Array, length: number): Float64Array {
  return w.map((value, i) => value + length * direction[i]!);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
