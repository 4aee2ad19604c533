import { checkList, checkMatrix, type MatrixData, ShapeError } from '@diptych/core';

/** One number an item, or [N, C] with C numbers an item. */
export type LabelArray = ArrayLike<number> | MatrixData;

/**
 * Share of items whose predicted class is the right one, as scikit-learn's `accuracy_score`.
 *
 * @param predicted class numbers; with [N, C] of 0 and 1 (several labels an item) all C must be right
 * @throws ShapeError if the two differ in layout
 */
export function accuracy(predicted: LabelArray, labels: LabelArray): number {
  const [a, b] = sameLayout('accuracy', predicted, labels);
  let right = 0;
  for (let row = 0; row < a.rows; row++) {
    let equal = true;
    for (let c = 0; c < a.columns; c++) equal &&= a.at(row, c) === b.at(row, c);
    if (equal) right++;
  }
  return a.rows === 0 ? Number.NaN : right / a.rows;
}

/**
 * Mean over the classes of F1 = 2 TP / (2 TP + FP + FN), as scikit-learn's `f1_score(average='macro', zero_division=0)`: over
 * all classes that occur among predictions or labels, or over the columns of [N, C] of 0 and 1.
 *
 * @param predicted class numbers, or [N, C] of 0 and 1
 * @throws ShapeError if the two differ in layout
 */
export function macroF1(predicted: LabelArray, labels: LabelArray): number {
  const [a, b] = sameLayout('macroF1', predicted, labels);
  const counts = new Map<number, { both: number; predicted: number; right: number }>();
  const of = (label: number) => {
    if (!counts.has(label)) counts.set(label, { both: 0, predicted: 0, right: 0 });
    return counts.get(label)!;
  };
  for (let row = 0; row < a.rows; row++) {
    if (a.isMatrix) {
      for (let c = 0; c < a.columns; c++) {
        const [found, right] = [a.at(row, c) > 0, b.at(row, c) > 0];
        const count = of(c);
        if (found) count.predicted++;
        if (right) count.right++;
        if (found && right) count.both++;
      }
    } else {
      of(a.at(row, 0)).predicted++;
      of(b.at(row, 0)).right++;
      if (a.at(row, 0) === b.at(row, 0)) of(a.at(row, 0)).both++;
    }
  }
  const scores = [...counts.values()].map(({ both, predicted, right }) =>
    predicted + right === 0 ? 0 : (2 * both) / (predicted + right),
  );
  return mean(scores);
}

/**
 * Area under the ROC curve: how likely a positive scores above a negative, ties counting half. As scikit-learn's
 * `roc_auc_score`; with [N, C] scores one class against the rest, and the mean over the classes (`multi_class='ovr'`,
 * `average='macro'`).
 *
 * Classes without a positive or without a negative have no curve and are left out of the mean; NaN where none is left.
 *
 * @param scores one number an item, larger for positive; or [N, C]
 * @param labels 0 or 1 for one number an item; class numbers or [N, C] of 0 and 1 for [N, C]
 * @throws ShapeError if the two do not fit
 */
export function auroc(scores: LabelArray, labels: LabelArray): number {
  const predicted = layoutOf('auroc', 'scores', scores);
  const right = layoutOf('auroc', 'labels', labels);
  if (predicted.rows !== right.rows || (right.isMatrix && right.columns !== predicted.columns)) {
    throw misfit('auroc', predicted, right);
  }
  const areas: number[] = [];
  for (let c = 0; c < predicted.columns; c++) {
    const isPositive = (row: number) =>
      right.isMatrix ? right.at(row, c) > 0 : predicted.isMatrix ? right.at(row, 0) === c : right.at(row, 0) > 0;
    const area = binaryArea(
      Float64Array.from({ length: predicted.rows }, (_, row) => predicted.at(row, c)),
      Array.from({ length: predicted.rows }, (_, row) => isPositive(row)),
    );
    if (!Number.isNaN(area)) areas.push(area);
  }
  return mean(areas);
}

/**
 * Coefficient of determination, 1 - |y - f|^2 / |y - mean(y)|^2, as scikit-learn's `r2_score`: the mean over the columns of [N, C];
 * a constant column gives 1 if it is met exactly, else 0.
 *
 * @throws ShapeError if the two differ in layout
 */
export function r2(predicted: LabelArray, targets: LabelArray): number {
  const [a, b] = sameLayout('r2', predicted, targets);
  if (a.rows < 2) return Number.NaN;
  const scores = Array.from({ length: a.columns }, (_, c) => {
    const first = b.at(0, c);
    let sum = 0;
    let isConstant = true;
    for (let row = 0; row < a.rows; row++) {
      sum += b.at(row, c);
      isConstant &&= b.at(row, c) === first;
    }
    // rounding of a mean must not give a constant column a variance
    const centre = isConstant ? first : sum / a.rows;
    let residual = 0;
    let total = 0;
    for (let row = 0; row < a.rows; row++) {
      residual += (b.at(row, c) - a.at(row, c)) ** 2;
      total += (b.at(row, c) - centre) ** 2;
    }
    if (total > 0) return 1 - residual / total;
    return residual === 0 ? 1 : 0;
  });
  return mean(scores);
}

/** By ranks (Mann and Whitney's U), tied scores at their mean rank. */
function binaryArea(scores: Float64Array, positive: readonly boolean[]): number {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]!);
  const positives = positive.filter(Boolean).length;
  const negatives = positive.length - positives;
  if (positives === 0 || negatives === 0) return Number.NaN;
  let rankSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) end++;
    const rank = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) if (positive[order[i]!]) rankSum += rank;
    start = end;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

interface Layout {
  readonly rows: number;
  readonly columns: number;
  readonly isMatrix: boolean;
  at(row: number, column: number): number;
}

function layoutOf(what: string, name: string, values: LabelArray): Layout {
  if (typeof values === 'object' && values !== null && 'shape' in values) {
    checkMatrix(`metrics.${what}`, name, values);
    const [rows, columns] = values.shape;
    return { rows, columns, isMatrix: true, at: (row, column) => values.data[row * columns + column]! };
  }
  checkList(`metrics.${what}`, name, values);
  return { rows: values.length, columns: 1, isMatrix: false, at: (row) => values[row]! };
}

function sameLayout(what: string, predicted: LabelArray, labels: LabelArray): [Layout, Layout] {
  const [a, b] = [layoutOf(what, 'the predictions', predicted), layoutOf(what, 'the labels', labels)];
  if (a.rows !== b.rows || a.columns !== b.columns || a.isMatrix !== b.isMatrix) throw misfit(what, a, b);
  return [a, b];
}

function misfit(what: string, a: Layout, b: Layout): ShapeError {
  const text = ({ rows, columns, isMatrix }: Layout) => (isMatrix ? `[${rows},${columns}]` : `[${rows}]`);
  return new ShapeError({
    where: `metrics.${what}`,
    expected: `labels that fit predictions of shape ${text(a)}`,
    got: `shape ${text(b)}`,
  });
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}
