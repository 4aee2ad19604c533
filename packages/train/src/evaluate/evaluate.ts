import { checkFields, checkOptions, type MatrixData, type OptionNames } from '@diptych/core';
import { type RetrievalOptions, type RetrievalReport, retrieval, uniformity } from '@diptych/metrics';
import type { BatchSource } from '../batches/batch-source.js';
import { checkModel, checkSource } from '../check-model.js';
import type { TrainableModel } from '../trainable-model.js';
import { type EmbedOptions, embedPairs } from './embed.js';

/** Options of {@link evaluate}. */
export interface EvaluateOptions
  extends Pick<EmbedOptions, 'pairs' | 'signal'>,
    Pick<RetrievalOptions, 'ks' | 'blockBytes'> {
  /** Equal captions are right answers to each other's pictures, as in training. Default true. */
  readonly equalCaptions?: boolean;
  /** Hears what makes figures say little. Default: the console. */
  readonly onWarning?: (message: string) => void;
}

/** What an evaluation found. */
export interface Evaluation extends RetrievalReport {
  /**
   * Uniformity of each tower's vectors (Wang and Isola 2020), lower is more spread out. A tower that overfits spreads its
   * training items and crowds unseen ones: compare the two.
   */
  readonly towers: { readonly image: { readonly uniformity: number }; readonly text: { readonly uniformity: number } };
  readonly pairs: number;
  /** What the model's heads are worth, by head, where the source brings labels for them: `labels.group.accuracy`. */
  readonly labels?: { readonly [head: string]: Readonly<Record<string, number>> };
}

const OPTIONS: OptionNames<EvaluateOptions> = {
  pairs: 'optional',
  signal: 'optional',
  ks: 'optional',
  blockBytes: 'optional',
  equalCaptions: 'optional',
  onWarning: 'optional',
};

/**
 * Retrieval both ways over all pairs of a source, in its order: neither `shuffle` nor `dropLast` nor augmentation applies. Pairs
 * with equal ids are relevant to each other, and so are pairs with equal captions. Heads are scored on labels of their names.
 */
export async function evaluate(
  model: TrainableModel,
  source: BatchSource,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  checkModel('train.evaluate: model', model);
  checkSource('train.evaluate', source);
  checkOptions('train.evaluate', options, OPTIONS);
  const { equalCaptions = true, onWarning = console.warn } = options;
  const heads = Object.entries(model.heads?.byName ?? {});
  const { pairs, signal } = options;
  const embedded = await embedPairs(model, source, { pairs, signal, predictions: heads.length > 0 });
  const { image, text, ids, captions, predictions = {}, labels = {} } = embedded;
  const scored = heads.flatMap(([name, head]) =>
    labels[name] ? [[name, head.metrics(predictions[name]!, labels[name])] as const] : [],
  );
  const [badImages, badTexts] = [image, text].map(notFinite);
  for (const message of [
    badImages || badTexts
      ? `${badImages} image and ${badTexts} text embeddings of ${ids.length} are not finite, and count as found last: the weights have diverged`
      : undefined,
    crowded(ids, 'id'),
    equalCaptions ? crowded(captions, 'caption') : undefined,
  ]) {
    if (message) onWarning(message);
  }
  const identities = equalCaptions ? ids.map((id, i) => [`id ${id}`, `caption ${captions[i]}`]) : ids;
  const report = await retrieval(image, text, { ...options, imageIds: identities, textIds: identities });
  return {
    ...report,
    towers: { image: { uniformity: uniformity(image) }, text: { uniformity: uniformity(text) } },
    pairs: ids.length,
    ...(scored.length > 0 && { labels: Object.fromEntries(scored) }),
  };
}

/** Rows with a number that is none. */
function notFinite({ data, shape: [rows, width] }: MatrixData): number {
  let count = 0;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = row * width; i < (row + 1) * width; i++) sum += data[i]! - data[i]!;
    if (sum !== 0) count++;
  }
  return count;
}

/** Rows that one answer must be right for before it is worth a word, and their share of all. */
const CROWD = { rows: 5, share: 0.1 };

/** What to say where many candidates are right answers to each other. */
function crowded(keys: readonly string[], what: 'id' | 'caption'): string | undefined {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  const [key, most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
  if (most < CROWD.rows || most < CROWD.share * keys.length) return undefined;
  const remedy =
    what === 'id' ? 'give pairs that show different things different ids' : 'or evaluate with equalCaptions: false';
  return (
    `${most} of ${keys.length} pairs have one ${what}${what === 'id' ? ` (${JSON.stringify(key)})` : ''}: each is a right answer to ` +
    `all the others, so recall says little; ${remedy}`
  );
}

/** An evaluation as numbers by name (`textToImage.recall@1`), for `validate.run`. */
export function flatMetrics(value: object, prefix = ''): Record<string, number> {
  checkFields('train.flatMetrics', 'the metrics', value, []);
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]): [string, number][] =>
      typeof entry === 'number'
        ? [[prefix + key, entry]]
        : typeof entry === 'object' && entry !== null
          ? Object.entries(flatMetrics(entry, `${prefix}${key}.`))
          : [],
    ),
  );
}
