import { createHash } from 'node:crypto';
import { SampleRandom, siteOf } from '@diptych/core';
import { loadImage } from '../load-image.js';
import type { ImageRef, PairRecord } from '../record.js';
import type { PlannedRow } from './plan.js';

/** Which caption of several a row gets: one drawn anew each epoch, the first, or each in a row of its own. */
export type CaptionChoice = 'random' | 'first' | 'all';

/**
 * What no two rows of a batch may share. `source`: caption (but for case and spaces) and the image's path or place.
 * `content`: caption and the image's bytes, which finds copies under other names and reads each image once more.
 */
export type UniqueBy = 'source' | 'content';

/** How records become rows. */
export interface RowOptions {
  readonly training: boolean;
  readonly seed: number;
  readonly epoch: number;
  readonly captions: CaptionChoice;
  readonly unique: UniqueBy | false;
  readonly maxImageBytes: number;
  /** Image keys by item, kept between epochs. */
  readonly imageKeys: Map<number, string>;
}

/** Records as rows: one caption each, with its random stream and the keys that a batch may hold once. */
export async function* toRows(records: AsyncIterable<PairRecord>, options: RowOptions): AsyncGenerator<PlannedRow> {
  const { training, seed, epoch, unique } = options;
  for await (const record of records) {
    const context = { training, seed, epoch: epoch + (record.pass ?? 0) * PASS_STRIDE, item: record.item };
    const imageKey = unique ? await imageKeyOf(record, unique, options) : undefined;
    for (const text of chooseCaptions(record, options.captions, context)) {
      yield { record, text, context, keys: imageKey === undefined ? [] : [imageKey, captionKey(text)] };
    }
  }
}

/** A repeated item of a mix draws as in an epoch far away, so that its second picture is not the first again. */
const PASS_STRIDE = 2 ** 20;

function chooseCaptions(
  { text }: PairRecord,
  choice: CaptionChoice,
  context: PlannedRow['context'],
): readonly string[] {
  if (typeof text === 'string') return [text];
  if (choice === 'all') return text;
  if (choice === 'first') return [text[0]!];
  return [text[new SampleRandom(context, siteOf('data/caption')).integer(text.length)]!];
}

function captionKey(text: string): string {
  return `t:${text.trim().replace(/\s+/g, ' ').toLowerCase()}`;
}

async function imageKeyOf(record: PairRecord, unique: UniqueBy, options: RowOptions): Promise<string> {
  if (unique === 'source' && record.image.kind !== 'bytes') return placeOf(record.image, record.item);
  const { imageKeys, maxImageBytes } = options;
  const known = imageKeys.get(record.item);
  if (known !== undefined) return known;
  const key = await contentKey(record, maxImageBytes);
  if (imageKeys.size < MAX_KNOWN_KEYS) imageKeys.set(record.item, key);
  return key;
}

/** About 100 MB of keys; streams with more images have theirs computed anew. */
const MAX_KNOWN_KEYS = 1_000_000;

function placeOf(image: ImageRef, item: number): string {
  if (image.kind === 'file') return `i:${image.path}`;
  return image.kind === 'slice' ? `i:${image.path}@${image.offset}` : `i:#${item}`;
}

async function contentKey({ image, origin, item }: PairRecord, maxImageBytes: number): Promise<string> {
  try {
    const content = await loadImage(image, origin, maxImageBytes);
    const bytes = content instanceof Uint8Array ? content : content.data;
    return `i:${createHash('sha1').update(bytes).digest('base64')}`;
  } catch {
    // An image that cannot be read is rejected where it is decoded; here it only must not count as anybody's copy.
    return placeOf(image, item);
  }
}
