import { checkMatrix, type MatrixData, ShapeError } from '@diptych/core';
import { meanRow, normalizeRows } from './rows.js';

/**
 * Mean of |x - y|^2 over positive pairs of unit vectors (Wang and Isola 2020, alpha 2): 0 where pairs coincide, 2 where they
 * are at right angles.
 *
 * @param image [N, D], row i belongs to row i of `text`
 * @throws ShapeError if the shapes differ
 */
export function alignment(image: MatrixData, text: MatrixData): number {
  checkPairs('alignment', image, text);
  const [a, b] = [normalizeRows(image).data, normalizeRows(text).data];
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / Math.max(1, image.shape[0]);
}

/**
 * ln of the mean of exp(-2 |x - y|^2) over all pairs of different rows, unit vectors (Wang and Isola 2020, t = 2): 0 where
 * all coincide, down to -4 where they are spread evenly in many dimensions.
 *
 * Takes at most `sample` rows, evenly spaced, since it compares all with all.
 */
export function uniformity(embeddings: MatrixData, sample = 1024): number {
  checkMatrix('metrics.uniformity', 'embeddings', embeddings);
  const [rows, width] = embeddings.shape;
  const count = Math.min(rows, sample);
  if (count < 2) return Number.NaN;
  const { data } = normalizeRows(embeddings);
  const start = (i: number) => Math.floor((i * rows) / count) * width;
  let sum = 0;
  for (let i = 1; i < count; i++) {
    for (let j = 0; j < i; j++) {
      let squared = 0;
      for (let d = 0; d < width; d++) squared += (data[start(i) + d]! - data[start(j) + d]!) ** 2;
      sum += Math.exp(-2 * squared);
    }
  }
  return Math.log(sum / ((count * (count - 1)) / 2));
}

/**
 * Distance between the centres of the two towers' unit vectors (Liang et al. 2022): 0 where both share one region.
 *
 * @throws ShapeError if the widths differ
 */
export function modalityGap(image: MatrixData, text: MatrixData): number {
  checkMatrix('metrics.modalityGap', 'image', image);
  checkMatrix('metrics.modalityGap', 'text', text, image.shape[1]);
  const [a, b] = [meanRow(normalizeRows(image)), meanRow(normalizeRows(text))];
  return Math.sqrt(a.reduce((sum, value, d) => sum + (value - b[d]!) ** 2, 0));
}

function checkPairs(what: string, image: MatrixData, text: MatrixData): void {
  checkMatrix(`metrics.${what}`, 'image', image);
  checkMatrix(`metrics.${what}`, 'text', text, image.shape[1]);
  if (image.shape[0] === text.shape[0]) return;
  throw new ShapeError({
    where: `metrics.${what}`,
    expected: `as many texts as images, ${image.shape[0]}`,
    got: String(text.shape[0]),
  });
}
