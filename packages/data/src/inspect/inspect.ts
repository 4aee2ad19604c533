import { createHash } from 'node:crypto';
import {
  checkMethods,
  checkOptions,
  type ImageTransform,
  isDiptychError,
  type OptionNames,
  plainSample,
  type RgbImage,
  type Tokenizer,
  tokenShape,
} from '@diptych/core';
import { imageSize } from 'image-size';
import { DataError, messageOf } from '../data-error.js';
import { canDecode } from '../decode-rows.js';
import { defaultMaxImageBytes, loadImage } from '../load-image.js';
import { formatOrigin } from '../origin.js';
import { prefetch } from '../prefetch.js';
import { Quarantine, type QuarantineCounts } from '../quarantine.js';
import type { PairRecord } from '../record.js';
import { type PairSource, plainRead } from '../source.js';
import { type Distribution, Histogram } from './histogram.js';
import { NearPictures, type Thumbprint, thumbprint } from './near-pictures.js';

/** Options of {@link inspect}. */
export interface InspectOptions {
  /**
   * Also decodes every image, and so finds the ones that are cut short, and (transforms with `decode`) those that nearly repeat
   * another; without it only their headers are read.
   */
  readonly transform?: ImageTransform;
  /** Also counts tokens. */
  readonly tokenizer?: Tokenizer;
  /** Records that are looked at, from the start; all by default. */
  readonly limit?: number;
  /** False: images are not opened at all. */
  readonly images?: boolean;
  /** Records that are shown, spread over the source; 5 by default. */
  readonly samples?: number;
  readonly maxImageBytes?: number;
  /** Where items that cannot be used are noted, as `DataLoader` notes them; nowhere by default. */
  readonly quarantine?: string | false;
}

/** What a source holds. */
export interface Inspection {
  readonly source: string;
  /** Usable records, and their captions. */
  readonly records: number;
  readonly captions: number;
  /** Image files by format, as their first bytes say. */
  readonly formats: Readonly<Record<string, number>>;
  /** Pixels, bytes, words, tokens; absent where nothing was counted. */
  readonly width?: Distribution;
  readonly height?: Distribution;
  readonly imageBytes?: Distribution;
  readonly words?: Distribution;
  readonly tokens?: Distribution;
  readonly captionsPerRecord?: Distribution;
  /** Repetitions beyond the first; images by their bytes (by their paths with `images: false`). */
  readonly duplicates: {
    readonly captions: number;
    readonly images: number;
    /**
     * Images that are another size, encoding or quality of an earlier one, among the first 100,000 different ones; absent where
     * none was decoded. Crops and mirrored images are not found.
     */
    readonly nearImages?: number;
    readonly ids: number;
    /** Ids that stand for pictures of different bytes: positives of each other without being alike, perhaps by mistake. */
    readonly idsOfSeveralImages: number;
    /** Places of some repeated images and captions. */
    readonly examples: readonly string[];
  };
  /** Items that cannot be used, and the first of each reason. */
  readonly bad: QuarantineCounts & { readonly examples: readonly string[] };
  readonly samples: readonly { readonly where: string; readonly text: string; readonly size?: string }[];
}

const OPTIONS: OptionNames<InspectOptions> = {
  transform: 'optional',
  tokenizer: 'optional',
  limit: 'optional',
  images: 'optional',
  samples: 'optional',
  maxImageBytes: 'optional',
  quarantine: 'optional',
};

/**
 * Looks a source over: counts, sizes, lengths, repetitions, what is broken. Reads everything once, holds little. Show it
 * on a terminal with `formatInspection`.
 *
 * ```js
 * console.log(formatInspection(await inspect(jsonl('pairs.jsonl'), { transform, tokenizer })));
 * ```
 */
export async function inspect(source: PairSource, options: InspectOptions = {}): Promise<Inspection> {
  checkMethods('data.inspect: source', source, ['read'], "jsonl('pairs.jsonl'), folder('pictures') or pairs([…])");
  checkOptions('data.inspect', options, OPTIONS);
  const { limit = Number.POSITIVE_INFINITY, samples: sampleCount = 5 } = options;
  const quarantine = new Quarantine({ quarantine: options.quarantine ?? false });
  const badExamples = new Map<string, string>();
  const reject = (error: DataError) => {
    if (!badExamples.has(error.reason)) badExamples.set(error.reason, messageOf(error, 300));
    quarantine.reject(error);
  };
  const histograms = {
    width: new Histogram(),
    height: new Histogram(),
    imageBytes: new Histogram(),
    words: new Histogram(),
    tokens: new Histogram(),
    captionsPerRecord: new Histogram(),
  };
  const seen = { captions: new Repetitions(), images: new Repetitions(), ids: new Repetitions() };
  const pictures = new PicturesOfIds();
  const near = new NearPictures();
  const looksForNear = options.images !== false && options.transform !== undefined && canDecode(options.transform);
  const formats: Record<string, number> = {};
  const samples = new SpreadSample<Inspection['samples'][number]>(sampleCount);
  let records = 0;
  let captions = 0;

  const looked = prefetch(
    take(source.read(plainRead(reject)), limit),
    async (record) => ({ record, image: await lookAt(record, options) }),
    LANES,
  );
  for await (const { record, image } of looked) {
    if (image instanceof DataError) {
      reject(image);
      continue;
    }
    const texts = typeof record.text === 'string' ? [record.text] : record.text;
    const where = formatOrigin(record.origin);
    records++;
    captions += texts.length;
    histograms.captionsPerRecord.add(texts.length);
    for (const text of texts) {
      histograms.words.add(text.trim().split(/\s+/).length);
      seen.captions.add(text.trim().toLowerCase(), `${where}: ${clip(text)}`);
    }
    for (const length of tokenLengths(texts, options.tokenizer)) histograms.tokens.add(length);
    seen.ids.add(record.id, where);
    pictures.add(record.id, image.key, where);
    const isNew = seen.images.add(image.key, where);
    if (isNew && image.print) near.add(image.print, where);
    if (image.format) formats[image.format] = (formats[image.format] ?? 0) + 1;
    if (image.bytes !== undefined) histograms.imageBytes.add(image.bytes);
    if (image.width !== undefined) histograms.width.add(image.width);
    if (image.height !== undefined) histograms.height.add(image.height);
    const size = image.width === undefined ? undefined : `${image.width}x${image.height}`;
    samples.add({ where, text: clip(texts[0]!), ...(size && { size }) });
  }

  const nearImages = near.find();
  const summaries = Object.entries(histograms).flatMap(([name, histogram]) => {
    const summary = histogram.summary();
    return summary ? [[name, summary] as const] : [];
  });
  return {
    source: source.name,
    records,
    captions,
    formats,
    ...(Object.fromEntries(summaries) as { [name in keyof typeof histograms]?: Distribution }),
    duplicates: {
      captions: seen.captions.count,
      images: seen.images.count,
      ...(looksForNear && { nearImages: nearImages.length }),
      ids: seen.ids.count,
      idsOfSeveralImages: pictures.count,
      examples: [
        ...pictures.examples,
        ...seen.images.examples,
        ...nearImages.slice(0, EXAMPLES).map(({ where, earlier }) => `${where}: nearly the picture of ${earlier}`),
        ...seen.captions.examples,
      ],
    },
    bad: { ...quarantine.counts, examples: [...badExamples.values()] },
    samples: samples.items,
  };
}

/** Places that are named of each kind of repetition. */
const EXAMPLES = 3;
/** Images that are read at the same time. */
const LANES = 8;

interface ImageFacts {
  readonly key: string;
  readonly format?: string;
  readonly bytes?: number;
  readonly width?: number;
  readonly height?: number;
  readonly print?: Thumbprint;
}

async function lookAt(record: PairRecord, options: InspectOptions): Promise<ImageFacts | DataError> {
  const { transform, images = true, maxImageBytes = defaultMaxImageBytes } = options;
  const { image, origin } = record;
  if (!images) {
    const key = image.kind === 'file' ? image.path : `${formatOrigin(origin)} ${record.item}`;
    return { key };
  }
  try {
    const content = await loadImage(image, origin, maxImageBytes);
    const bytes = content instanceof Uint8Array ? content : content.data;
    const key = createHash('sha1').update(bytes).digest('base64');
    const decodes = transform !== undefined && canDecode(transform);
    if (!(content instanceof Uint8Array)) {
      return { key, width: content.width, height: content.height, ...(decodes && { print: thumbprint(content) }) };
    }
    const { width, height, type } = imageSize(content);
    const decoded = await tryDecode(content, transform);
    const print = decoded && thumbprint(decoded);
    return { key, width, height, bytes: content.byteLength, ...(type && { format: type }), ...(print && { print }) };
  } catch (error) {
    if (error instanceof DataError) return error;
    if (isDiptychError(error) && error.code !== 'input') throw error;
    return new DataError('undecodable-image', origin, {
      expected: 'an image that decodes',
      got: messageOf(error, 200),
      remedy: 'open it in a viewer, then encode it again or remove the pair',
    });
  }
}

async function tryDecode(bytes: Uint8Array, transform: ImageTransform | undefined): Promise<RgbImage | undefined> {
  if (!transform) return undefined;
  if (canDecode(transform)) return transform.decode(bytes);
  const size = transform.outputShape.reduce((product, length) => product * length, 1);
  await transform.into(bytes, new Float32Array(size), 0, plainSample);
  return undefined;
}

function tokenLengths(texts: readonly string[], tokenizer: Tokenizer | undefined): number[] {
  if (!tokenizer) return [];
  const tokens = tokenizer.encode(texts, { padding: 'longest', truncation: true });
  const [, length] = tokenShape(tokens, 'data.inspect: tokenizer');
  return texts.map((_, row) =>
    tokens.attentionMask.subarray(row * length, (row + 1) * length).reduce((a, b) => a + b, 0),
  );
}

async function* take(records: AsyncIterable<PairRecord>, limit: number): AsyncGenerator<PairRecord> {
  let left = limit;
  if (left <= 0) return;
  for await (const record of records) {
    yield record;
    if (--left <= 0) return;
  }
}

/** Counts values that came before, by 48 bits of their hash; five million take some 200 MB, later ones are not kept. */
class Repetitions {
  count = 0;
  readonly examples: string[] = [];
  readonly #seen = new Set<number>();

  /** @returns whether the value did not come before */
  add(value: string, example: string): boolean {
    const hash = createHash('sha1').update(value).digest().readUIntBE(0, 6);
    if (this.#seen.has(hash)) {
      this.count++;
      if (this.examples.length < EXAMPLES) this.examples.push(example);
      return false;
    }
    if (this.#seen.size < 5_000_000) this.#seen.add(hash);
    return true;
  }
}

/** Counts ids whose pictures differ, by their first picture; ids beyond the first million are not kept. */
class PicturesOfIds {
  count = 0;
  readonly examples: string[] = [];
  readonly #first = new Map<string, { readonly key: string; counted: boolean }>();

  add(id: string, key: string, where: string): void {
    const known = this.#first.get(id);
    if (known === undefined) {
      if (this.#first.size < 1_000_000) this.#first.set(id, { key, counted: false });
    } else if (known.key !== key && !known.counted) {
      known.counted = true;
      this.count++;
      if (this.examples.length < EXAMPLES) this.examples.push(`${where}: another picture of the id ${clip(id)}`);
    }
  }
}

/** Keeps a few items that lie evenly over a stream of unknown length: every n-th, n doubled whenever there are too many. */
class SpreadSample<Item> {
  items: Item[] = [];
  readonly #size: number;
  #step = 1;
  #count = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(item: Item): void {
    if (this.#size > 0 && this.#count++ % this.#step === 0) {
      this.items.push(item);
      if (this.items.length > this.#size) {
        this.items = this.items.filter((_, i) => i % 2 === 0);
        this.#step *= 2;
      }
    }
  }
}

function clip(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
