import { writeFile } from 'node:fs/promises';
import { topK } from '@diptych/metrics';
import type { Matrix } from 'diptych';
import type { Pair } from '../data/pair.js';
import { ownRanks } from '../job/evaluate.js';
import type { MetricsFile } from '../job/metrics-file.js';
import { type ReportInput, type ReportPicture, type ReportSearch, renderReport } from './report.js';
import { thumbnailUri } from './thumbnail.js';

const SHOWN = 12;
const FOUND = 5;

/** What the report is made of. */
export interface ReportMaterial {
  readonly facts: ReportInput['facts'];
  readonly metrics: MetricsFile;
  readonly history: ReportInput['history'];
  readonly pairs: readonly Pair[];
  /** [N, D], row i of pair i. */
  readonly image: Matrix;
  readonly text: Matrix;
}

/** Writes the report: a dozen captions spread over the held-out pairs, and the captions whose own picture came last. */
export async function writeReport(path: string, material: ReportMaterial): Promise<void> {
  const { facts, metrics, history, pairs, image, text } = material;
  const ranks = ownRanks(image, text);
  const nearest = await topK(text, image, FOUND);
  const pictureOf = async (index: number, note: string, own: boolean): Promise<ReportPicture> => ({
    source: await thumbnailUri(pairs[index]!.image),
    caption: pairs[index]!.text,
    note,
    own,
  });
  const searchOf = async (query: number): Promise<ReportSearch> => {
    const { indices, scores } = nearest[query]!;
    return {
      caption: pairs[query]!.text,
      rank: ranks[query]!,
      own: await pictureOf(query, 'its own', true),
      found: await Promise.all(
        Array.from(indices, (index, k) => pictureOf(index, scores[k]!.toFixed(3), index === query)),
      ),
    };
  };
  const spread = Array.from({ length: Math.min(SHOWN, pairs.length) }, (_, k) =>
    Math.floor((k * pairs.length) / SHOWN),
  );
  const worst = ranks
    .map((rank, query) => ({ rank, query }))
    .filter(({ rank }) => rank > 1)
    .sort((a, b) => b.rank - a.rank)
    .slice(0, SHOWN);
  const page = renderReport({
    title: 'An image-text encoder, trained from scratch',
    facts,
    metrics,
    history,
    searches: await Promise.all(spread.map(searchOf)),
    failures: await Promise.all(worst.map(({ query }) => searchOf(query))),
  });
  await writeFile(path, page);
}
