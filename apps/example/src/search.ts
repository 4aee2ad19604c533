import { writeFile } from 'node:fs/promises';
import { isDiptychError, printable } from '@diptych/core';
import { rerank, topK } from '@diptych/metrics';
import { load } from 'diptych';
import { matcherOf } from './evaluate.js';
import { inlinePicture, pictureProtocol } from './inline-picture.js';
import { parseSearchOptions, type SearchOptions } from './options.js';
import { thumbnail, thumbnailUri } from './picture-data.js';
import { renderResults } from './report.js';
import { findFinishedRun } from './runs.js';
import { captionedPictures, readIndex } from './search-index.js';

/** One picture that was found. */
interface Found {
  readonly image: string;
  readonly text: string;
  readonly score: number;
}

async function search(options: SearchOptions): Promise<void> {
  const folder = findFinishedRun(options.runs, options.run);
  const model = await load(folder);
  const index = await readIndex(folder);
  const query = options.image ? await model.embedImages([options.image]) : await model.embedTexts([options.query!]);
  const asked = options.image ?? `"${options.query}"`;
  const [nearest] =
    options.rerank > 0
      ? await rerank(query, index.image, matcherOf(model, index.image, query), {
          top: Math.max(options.top, options.rerank),
          scale: await model.logitScale(),
        })
      : await topK(query, options.image ? index.image : captionedPictures(index), options.top);
  const order = Array.from(nearest!.indices, (row, k) => ({ row, score: nearest!.scores[k]! }));
  const found = order.slice(0, options.top).map(({ row, score }) => ({ ...index.pictures[row]!, score }));
  await show(asked, found, options);
}

async function show(asked: string, found: readonly Found[], { html }: SearchOptions): Promise<void> {
  if (html) {
    const file = typeof html === 'string' ? html : 'search.html';
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

search(parseSearchOptions(process.argv.slice(2))).catch((error: unknown) => {
  console.error(isDiptychError(error) ? error.message : error);
  process.exitCode = 1;
});
