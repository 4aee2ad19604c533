/** Middle value. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Interquartile distance relative to the median: 0.1 means that half of the samples lie within about 5 % of it. */
export function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const middle = median(values);
  return middle === 0 ? 0 : (at(0.75) - at(0.25)) / middle;
}

const round = (value) => Number(value.toPrecision(4));

/**
 * One line of the report: the median of `samples` in `unit`.
 *
 * @param name unique over all benches
 * @param options `reference`: samples of the other side, in the same unit; `higherIsBetter` for rates; `must` and `aim`
 *   are bounds of the ratio where there is a reference, of the value otherwise. `ratio` above 1 means better than the
 *   reference; `ratioBest` compares the best samples, which noise on the machine touches least.
 */
export function line(name, unit, samples, { reference, against, higherIsBetter = false, must, aim } = {}) {
  const best = higherIsBetter ? Math.max : Math.min;
  const value = median(samples);
  const compare = (ours, theirs) => round(higherIsBetter ? ours / theirs : theirs / ours);
  const compared = reference && {
    against,
    reference: round(median(reference)),
    referenceSpread: round(spread(reference)),
    ratio: compare(value, median(reference)),
    ratioBest: compare(best(...samples), best(...reference)),
  };
  const judged = compared ? compared.ratio : value;
  const reached = (bound) => (compared || higherIsBetter ? judged >= bound : judged <= bound);
  // A bound on a ratio says nothing about a lone value.
  const bounded = compared || !against;
  return {
    name,
    value: round(value),
    unit,
    spread: round(spread(samples)),
    n: samples.length,
    best: round(best(...samples)),
    ratio: null,
    ...compared,
    ...(must !== undefined && { must, met: bounded ? reached(must) : null }),
    ...(aim !== undefined && { aim, aimMet: bounded ? reached(aim) : null }),
  };
}
