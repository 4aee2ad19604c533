/** A product of sizes times a number: `2 * batch * length`; no sizes for a plain number. */
export interface Term {
  readonly factor: number;
  /** Positions of the sizes among the symbols, in increasing order. */
  readonly sizes: readonly number[];
}

/** A sum of terms; the number 0 has none. */
export type SizeExpression = readonly Term[];

/** Sizes at which something was recorded, one a symbol, and what it was there. */
export interface Sample {
  readonly sizes: readonly number[];
  readonly value: number;
}

/**
 * The sizes to record at: `base`, and from there with the other size of each symbol, and of each two. A function of the
 * sizes in which each occurs at most once a term, and at most two in one, is determined by these.
 */
export function gridOf(base: readonly number[], other: readonly number[]): number[][] {
  const at = (changed: readonly number[]) => base.map((size, i) => (changed.includes(i) ? other[i]! : size));
  const symbols = base.map((_, i) => i);
  const pairs = symbols.flatMap((i) => symbols.filter((j) => j > i).map((j) => [i, j]));
  return [[], ...symbols.map((i) => [i]), ...pairs].map(at);
}

/** The sum of products of sizes that has the values at the points of {@link gridOf}, in their order. */
export function fit(samples: readonly Sample[]): SizeExpression {
  const count = samples[0]!.sizes.length;
  const [base, ...rest] = samples;
  const other = base!.sizes.map((_, i) => rest[i]!.sizes[i]!);
  const steps = base!.sizes.map((size, i) => other[i]! - size);
  const slopes = steps.map((step, i) => (rest[i]!.value - base!.value) / step);
  let at = count;
  const products: Term[] = [];
  const linear = [...slopes];
  let constant = base!.value - slopes.reduce((sum, slope, i) => sum + slope * base!.sizes[i]!, 0);
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const both = rest[at++]!.value;
      const factor = (both - rest[i]!.value - rest[j]!.value + base!.value) / (steps[i]! * steps[j]!);
      products.push({ factor, sizes: [i, j] });
      linear[i] = linear[i]! - factor * base!.sizes[j]!;
      linear[j] = linear[j]! - factor * base!.sizes[i]!;
      constant += factor * base!.sizes[i]! * base!.sizes[j]!;
    }
  }
  const terms = [{ factor: constant, sizes: [] }, ...linear.map((factor, i) => ({ factor, sizes: [i] })), ...products];
  return tidied(terms);
}

/** Without what is rounding: factors next to whole numbers, and next to nothing. */
function tidied(terms: readonly Term[]): SizeExpression {
  const largest = Math.max(...terms.map(({ factor }) => Math.abs(factor)));
  return terms.flatMap(({ factor, sizes }) => {
    if (Math.abs(factor) <= 1e-5 * largest) return [];
    return [{ factor: wholeIf(factor, 1e-5), sizes }];
  });
}

/**
 * As {@link fit}, of values that were rounded to float32: the simplest sum that has them but for rounding, one product if
 * that will do, then whole factors.
 */
export function fitRounded(samples: readonly Sample[]): SizeExpression {
  const [base] = samples as [Sample];
  const symbols = base.sizes.map((_, i) => i);
  const pairs = symbols.flatMap((i) => symbols.filter((j) => j > i).map((j) => [i, j]));
  const products = [...symbols.map((i) => [i]), ...pairs].map((sizes) => {
    const factor = base.value / evaluate([{ factor: 1, sizes }], base.sizes);
    return [{ factor: wholeIf(factor, 1e-6), sizes }];
  });
  const sum = fit(samples);
  const whole = sum
    .map(({ factor, sizes }) => ({ factor: Math.round(factor), sizes }))
    .filter(({ factor }) => factor !== 0);
  return [...products, whole].find((expression) => samples.every((sample) => fits(expression, sample))) ?? sum;
}

/** Of float32 arithmetic, a few roundings. */
export const ROUNDING = 1e-6;

const fits = (expression: SizeExpression, { sizes, value }: Sample) =>
  Math.abs(evaluate(expression, sizes) / value - 1) < ROUNDING;

function wholeIf(factor: number, within: number): number {
  const whole = Math.round(factor);
  return whole !== 0 && Math.abs(factor - whole) < within * Math.abs(whole) ? whole : factor;
}

/** Its value at some sizes. */
export function evaluate(expression: SizeExpression, at: readonly number[]): number {
  return expression.reduce((sum, { factor, sizes }) => sum + sizes.reduce((product, i) => product * at[i]!, factor), 0);
}

/** For people and for ONNX's names of sizes: `batch`, `1 + length`, `batch*length`. */
export function describe(expression: SizeExpression, symbols: readonly string[]): string {
  const terms = expression.map(({ factor, sizes }) => {
    const names = sizes.map((i) => symbols[i]!);
    return [...(factor === 1 && names.length > 0 ? [] : [String(factor)]), ...names].join('*');
  });
  return terms.join(' + ') || '0';
}
