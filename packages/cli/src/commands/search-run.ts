import { writeFile } from 'node:fs/promises';
import { ConfigError, printable } from '@diptych/core';
import { rerank, topK } from '@diptych/metrics';
import { load } from 'diptych';
import { loadConfig } from '../config/load-config.js';
import { RUNS } from '../config/train-plan.js';
import { matcherOf } from '../job/evaluate.js';
import { findFinishedRun } from '../job/runs.js';
import { captionedPictures, readIndex } from '../job/search-index.js';
import { renderResults } from '../report/report.js';
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
  const index = await readIndex(folder);
  const query = image ? await model.embedImages([image]) : await model.embedText([text!]);
  const [nearest] =
    reranked > 0
      ? await rerank(query, index.image, matcherOf(model, index.image, query), {
          top: Math.max(top, reranked),
          scale: await model.logitScale(),
        })
      : await topK(query, image ? index.image : captionedPictures(index), top);
  const order = Array.from(nearest!.indices, (row, k) => ({ row, score: nearest!.scores[k]! }));
  const found = order.slice(0, top).map(({ row, score }) => ({ ...index.pictures[row]!, score }));
  await show(image ?? `"${text}"`, found, flags);
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
        own: false,
      })),
    );
    await writeFile(file, renderResults(`Pictures for ${asked}`, pictures));
    console.log(`wrote ${file}`);
    return;
  }
  const protocol = pictureProtocol(process.stdout);
  console.log(`pictures for ${printable(asked)}`);
  for (const [place, { image, text, score }] of found.entries()) {
    if (protocol) console.log(inlinePicture(await thumbnail(image), protocol));
    const line = `${text}${protocol ? '' : `  (${image})`}`;
    console.log(`${String(place + 1).padStart(2)}  ${score.toFixed(3)}  ${printable(line)}`);
  }
}
