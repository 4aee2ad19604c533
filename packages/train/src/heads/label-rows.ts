import { type LabelNumbers, Matrix, type MatrixData, ShapeError, takeRows } from '@diptych/core';

/** Predictions and labels of the items that have a label. */
export interface LabelledRows {
  readonly rows: Matrix;
  /** [N, C], or [N, 1] of class numbers. */
  readonly right: Matrix;
}

/** @throws ShapeError unless there are `width` labels for each row */
export function checkLabelCount(where: string, labels: LabelNumbers, [rows, width]: readonly [number, number]): void {
  if (labels.length === rows * width) return;
  throw new ShapeError({
    where,
    expected: `labels of shape [${rows}${width > 1 ? `,${width}` : ''}]`,
    got: `${labels.length} numbers`,
  });
}

/**
 * Leaves out the items without a label: a class number below 0, or a NaN among an item's numbers.
 *
 * @param wide labels have as many columns as predictions; else one, a class number
 * @throws ShapeError if there are not as many labels
 */
export function rowsWith(predictions: MatrixData, labels: LabelNumbers, wide: boolean): LabelledRows {
  const [rows, count] = predictions.shape;
  const width = wide ? count : 1;
  checkLabelCount('train.heads', labels, [rows, width]);
  const column = new Matrix(Float32Array.from(labels), [rows, width]);
  const known = Array.from({ length: rows }, (_, row) => row).filter((row) =>
    column.row(row).every((value) => !Number.isNaN(value) && (wide || value >= 0)),
  );
  return { rows: takeRows(predictions, known), right: takeRows(column, known) };
}
