import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, printable } from '@diptych/core';
import { rerank } from '@diptych/metrics';
import type { ExactIndex, Hit } from '@diptych/search';
import { readIndexFacts } from '@diptych/serve';
import { type JointModel, load, Matrix } from 'diptych';
import { loadConfig } from '../config/load-config.js';
import { RUNS } from '../config/train-plan.js';
import { matcherOf } from '../job/evaluate.js';
import { BY_PICTURE, BY_WORDS, openRunIndex } from '../job/run-index.js';
import { findFinishedRun } from '../job/runs.js';
import { renderResults } from '../report/results-page.js';
import { thumbnail, thumbnailUri } from '../report/thumbnail.js';
import { inlinePicture, pictureProtocol } from '../terminal/inline-picture.js';

/** What `search` was asked for, beside its words. */
export interface SearchFlags {
  readonly image?: string;
  readonly top: number;
  readonly rerank: number;
  /** Empty for the default name. */
  readonly html?: string;
  readonly json: boolean;
  readonly runs?: string;
  readonly run?: string;
}

/** One picture that was found. */
interface Found {
  readonly image: string;
  readonly text: string;
  readonly score: number;
}

/** The work of `diptych search`. */
export async function search(flags: SearchFlags, ...words: string[]): Promise<void> {
  const { image, top, rerank: reranked } = flags;
  const text = words.length === 0 ? undefined : words.join(' ');
  if ((text === undefined) === (image === undefined)) {
    throw new ConfigError({ where: 'search', problem: 'give either words to look for, or --image with a picture' });
  }
  if (image !== undefined && reranked > 0) {
    throw new ConfigError({
      where: 'search: --rerank',
      problem: 'it needs words: the matcher scores a picture with a text',
    });
  }
  const folder = findFinishedRun(flags.runs ?? (await runsHere()), flags.run);
  const model = await load(folder);
  const index = await openRunIndex(folder, image === undefined && reranked === 0 ? BY_WORDS : BY_PICTURE);
  try {
    const query = image ? await model.embedImages([image]) : await model.embedText([text!]);
    const [nearest] = await index.search(query, { k: Math.max(top, reranked) });
    const hits = reranked > 0 ? await matched(model, query, index, nearest!) : nearest!;
    const { pictures } = (await readIndexFacts(index.folder))!;
    const found = hits.slice(0, top).map(({ metadata: { path, caption }, score }) => ({
      image: join(pictures, String(path)),
      text: String(caption),
      score,
    }));
    await show(image ?? `"${text}"`, found, flags);
  } finally {
    await index.close();
    model.dispose();
  }
}

/** The same in the order of the cosine and the matcher together. */
async function matched(model: JointModel, query: Matrix, index: ExactIndex, hits: readonly Hit[]): Promise<Hit[]> {
  const rows = await index.get(hits.map(({ id }) => id));
  const images = new Matrix(new Float32Array(hits.length * index.embedDim), [hits.length, index.embedDim]);
  for (const [i, row] of rows.entries()) images.data.set(row!.vector, i * index.embedDim);
  const scale = await model.logitScale();
  const [ordered] = await rerank(query, images, matcherOf(model, images, query), { top: hits.length, scale });
  return Array.from(ordered!.indices, (row, place) => ({ ...hits[row]!, score: ordered!.scores[place]! }));
}

/** Where the configuration of this folder keeps its runs. */
async function runsHere(): Promise<string> {
  return (await loadConfig(undefined, process.cwd())).config.runs ?? RUNS;
}

async function show(asked: string, found: readonly Found[], { html, json }: SearchFlags): Promise<void> {
  if (json) {
    console.log(JSON.stringify(found));
    return;
  }
  if (html !== undefined) {
    const file = html || 'search.html';
    const pictures = await Promise.all(
      found.map(async ({ image, text, score }) => ({
        source: await thumbnailUri(image),
        caption: text,
        note: score.toFixed(3),
      })),
    );
    await writeFile(file, renderResults(`Pictures for ${asked}`, pictures));
    console.log(`wrote ${file}`);
    return;
  }
  const protocol = pictureProtocol(process.stdout);
  console.log(`pictures for ${printable(asked)}`);
  for (const [place, { image, text: captions, score }] of found.entries()) {
    const text = captions.replaceAll('\n', '; ');
    if (protocol) console.log(inlinePicture(await thumbnail(image), protocol));
    const line = `${text}${protocol ? '' : `  (${image})`}`;
    console.log(`${String(place + 1).padStart(2)}  ${score.toFixed(3)}  ${printable(line)}`);
  }
}
