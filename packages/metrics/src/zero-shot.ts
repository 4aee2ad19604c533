import { ConfigError, checkFields, checkFunction, checkList, checkMatrix, type MatrixData } from '@diptych/core';
import { normalizeRows } from './rows.js';
import { topK } from './top-k.js';

/** Classes by name, as vectors of their descriptions. */
export interface ZeroShotClasses {
  readonly names: readonly string[];
  /** [classes, D], of length 1. */
  readonly vectors: MatrixData;
}

/** Prompts for photographs of things; `{}` stands for the class. A few of CLIP's. */
export const PHOTO_TEMPLATES: readonly string[] = Object.freeze([
  'a photo of a {}.',
  'a blurry photo of a {}.',
  'a photo of the large {}.',
  'a photo of the small {}.',
  'a drawing of a {}.',
  'a close-up photo of a {}.',
]);

/**
 * Vectors of classes from descriptions: each class in each template, embedded, scaled to length 1, averaged, scaled again
 * (Radford et al. 2021, prompt ensembling).
 *
 * @param embedText vectors of texts, row by row, e.g. `(texts) => model.embedText(texts)`
 * @throws ConfigError if there is no class or template, or a template has no `{}`
 */
export async function zeroShotClasses(
  names: readonly string[],
  embedText: (texts: string[]) => MatrixData | Promise<MatrixData>,
  templates: readonly string[] = PHOTO_TEMPLATES,
): Promise<ZeroShotClasses> {
  const where = 'metrics.zeroShotClasses';
  checkList(where, 'the names', names);
  checkFunction(where, 'embedText', embedText);
  checkList(where, 'templates', templates);
  if (names.length === 0 || templates.length === 0 || templates.some((template) => !String(template).includes('{}'))) {
    throw new ConfigError({
      where,
      expected: 'at least one class, and templates with {} in each',
      got: `${names.length} classes, templates ${JSON.stringify(templates)}`,
    });
  }
  const texts = names.flatMap((name) => templates.map((template) => template.replaceAll('{}', name)));
  const embedded = await embedText(texts);
  checkMatrix(where, 'the texts', embedded);
  const { data, shape } = normalizeRows(embedded);
  const width = shape[1];
  const sums = new Float32Array(names.length * width);
  for (let row = 0; row < texts.length; row++) {
    const target = Math.floor(row / templates.length) * width;
    for (let d = 0; d < width; d++) sums[target + d]! += data[row * width + d]!;
  }
  return { names, vectors: normalizeRows({ data: sums, shape: [names.length, width] }) };
}

/** What a picture was taken for. */
export interface Classified {
  /** Class numbers, most similar first. */
  readonly classes: Int32Array;
  /** Cosine similarities. */
  readonly scores: Float32Array;
}

/** The k most similar classes of each picture. */
export async function classify(image: MatrixData, classes: ZeroShotClasses, k = 1): Promise<Classified[]> {
  checkFields('metrics.classify', 'the classes', classes, ['vectors']);
  const { vectors } = classes;
  return (await topK(image, vectors, k)).map(({ indices, scores }) => ({ classes: indices, scores }));
}

/**
 * Share of pictures whose class is among the k most similar ones.
 *
 * @param labels class numbers
 */
export async function zeroShotAccuracy(
  image: MatrixData,
  labels: ArrayLike<number>,
  classes: ZeroShotClasses,
  k = 1,
): Promise<number> {
  checkList('metrics.zeroShotAccuracy', 'labels', labels);
  const found = await classify(image, classes, k);
  const hits = found.filter((one, i) => one.classes.includes(labels[i]!)).length;
  return hits / Math.max(1, found.length);
}
