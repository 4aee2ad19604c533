import { ConfigError, checkOptions, type OptionNames } from '@diptych/core';
import { isRemote } from '@diptych/core/http';
import { checkCaptions } from '../captions.js';
import { DataError, messageOf } from '../data-error.js';
import { parseJson } from '../io/json.js';
import { IMAGE_SUFFIX } from '../io/names.js';
import { isCompressed } from '../io/open.js';
import { type MemberKind, readMembers, type TarMember } from '../io/tar-members.js';
import { type LabelColumns, readLabels } from '../labels.js';
import { defaultMaxImageBytes } from '../load-image.js';
import type { Origin } from '../origin.js';
import type { ImageRef, PairRecord } from '../record.js';
import type { PairSource, ReadContext } from '../source.js';
import { defaultLimits, givenId, type RowLimits, valueAt } from './row.js';
import { type DataFile, type FilesOptions, shardedSource } from './sharded.js';

/** Which members of a sample are its picture and its caption: whole suffixes, those after the first dot of a name. */
export interface SampleMembers {
  /** `depth.png` for `000.depth.png`; any image's suffix that is alone (`jpg`, `png`, …) by default. The first that is there. */
  readonly image?: string | readonly string[];
  /** `txt`, `text` or `caption` by default, else the key in `json`. */
  readonly text?: string | readonly string[];
}

/** Options of {@link webdataset}. */
export interface WebDatasetOptions extends FilesOptions, Partial<RowLimits> {
  /** Keys of a `.json` member; `text` (or `caption`) and `id` by default. A `.txt` member goes first. */
  readonly fields?: { readonly text?: string; readonly id?: string };
  readonly members?: SampleMembers;
  /** Labels to read beside each pair: keys of the `.json` member, or members of their own (`cls`). */
  readonly labels?: LabelColumns;
  /** Largest image that is read out of compressed or remote shards; 256 MiB by default. */
  readonly maxImageBytes?: number;
}

const OPTIONS: OptionNames<WebDatasetOptions> = {
  fields: 'optional',
  members: 'optional',
  sharedIds: 'optional',
  labels: 'optional',
  http: 'optional',
  maxCaptionLength: 'optional',
  maxImageBytes: 'optional',
};

/**
 * Shards of WebDataset: tar files in which the members of one sample follow each other and share their name up to the
 * first dot: `000017.jpg`, `000017.txt` (a caption a line is not read: the whole is one) or `000017.json`. What is behind the
 * first dot says what a member is: `000017.depth.png` is not the picture, unless `members` says so.
 *
 * Local uncompressed shards give references into the file, so that a shuffle buffer holds no image; compressed and remote
 * ones give the images' bytes. Tars of all formats are read (v7, GNU, ustar, pax); links lead to earlier members of a local
 * uncompressed one.
 *
 * ```js
 * const source = webdataset('https://data.example.org/pairs-{000..099}.tar');
 * ```
 *
 * Format: Aizman, Maltby, Breuel: High Performance I/O For Large Scale Deep Learning (2020).
 *
 * @param files a name, a pattern, or a list of these
 */
export function webdataset(files: string | readonly string[], options: WebDatasetOptions = {}): PairSource {
  checkOptions('data.webdataset', options, OPTIONS);
  const suffixes = suffixesOf(options);
  return shardedSource('webdataset', files, options, (file, firstItem, context) =>
    readShard(file, firstItem, options, suffixes, context),
  );
}

/** Suffixes in small letters; undefined: those that are usual. */
interface Suffixes {
  readonly image: readonly string[] | undefined;
  readonly text: readonly string[];
  /** Labels that may be members of their own. */
  readonly labels: readonly string[];
}

function suffixesOf({ members = {}, labels = {} }: WebDatasetOptions): Suffixes {
  const list = (what: 'image' | 'text') => {
    const value = members[what];
    if (value === undefined) return undefined;
    const all = (typeof value === 'string' ? [value] : value).map((suffix) => suffix.toLowerCase().replace(/^\./, ''));
    if (all.length > 0 && all.every((suffix) => suffix !== '')) return all;
    throw new ConfigError({
      where: 'data.webdataset',
      expected: `members.${what} to be suffixes such as 'jpg' or 'depth.png'`,
      got: JSON.stringify(value),
    });
  };
  return {
    image: list('image'),
    text: list('text') ?? ['txt', 'text', 'caption'],
    labels: Object.entries(labels).map(([name, label]) =>
      (typeof label === 'string' ? name : (label.field ?? name)).toLowerCase(),
    ),
  };
}

function kindOf(suffix: string, { image, text, labels }: Suffixes): MemberKind | undefined {
  if (image ? image.includes(suffix) : IMAGE_SUFFIX.test(suffix)) return 'image';
  return text.includes(suffix) || suffix === 'json' || labels.includes(suffix) ? 'text' : undefined;
}

async function* readShard(
  file: DataFile,
  firstItem: number,
  options: WebDatasetOptions,
  suffixes: Suffixes,
  context: ReadContext,
) {
  const { reject, signal } = context;
  const { maxImageBytes = defaultMaxImageBytes, http } = options;
  const seen = new Set<string>();
  const finish = (sample: Sample, item: number, rejectIt: ReadContext['reject']) => {
    const record = recordFrom(sample, item, file, options, suffixes, rejectIt);
    // A key that comes again, apart from the first, is another sample: joined archives begin to count anew.
    const again = seen.has(sample.key);
    seen.add(sample.key);
    return record && again && record.id === file.ids.member(sample.key)
      ? { ...record, id: file.ids.member(`${sample.key}@${item - firstItem}`) }
      : record;
  };
  let item = firstItem;
  let sample: Sample | undefined;
  const members = readMembers(file, {
    inPlace: !isRemote(file.path) && !(await isCompressed(file.path)),
    http: { ...http, signal },
    maxImageBytes,
    kindOf: (suffix) => kindOf(suffix, suffixes),
    reject,
  });
  try {
    for await (const member of members) {
      if (sample && sample.key !== member.key) {
        const record = finish(sample, item++, reject);
        if (record) yield record;
        sample = undefined;
      }
      sample ??= { key: member.key, members: new Map(), others: [] };
      addMember(sample, member, file, reject);
    }
  } catch (error) {
    // What follows a whole sample is no reason to lose it; what a cut one lacks is said by the error.
    const record = sample && error instanceof DataError ? finish(sample, item, () => {}) : undefined;
    if (record) yield record;
    throw error;
  }
  if (sample) {
    const record = finish(sample, item, reject);
    if (record) yield record;
  }
}

interface Sample {
  readonly key: string;
  /** By suffix. */
  readonly members: Map<string, { readonly name: string; readonly content: ImageRef | string }>;
  /** Suffixes of members that are no part of a pair. */
  readonly others: string[];
  /** A member of it was rejected: so is the rest, without another message. */
  broken?: boolean;
}

function addMember(sample: Sample, member: TarMember, file: DataFile, reject: ReadContext['reject']): void {
  const { name, suffix, content } = member;
  if (content === 'broken') {
    sample.broken = true;
  } else if (content === 'other') {
    sample.others.push(suffix);
  } else if (sample.members.has(suffix)) {
    reject(
      new DataError(
        'unsupported-member',
        { file: file.name, member: name },
        {
          expected: `one .${suffix} in the sample ${sample.key}`,
          got: 'a second one',
          remedy: 'give each sample a name of its own, without dots before the suffix',
        },
      ),
    );
  } else {
    sample.members.set(suffix, { name, content });
  }
}

function recordFrom(
  sample: Sample,
  item: number,
  file: DataFile,
  options: WebDatasetOptions,
  suffixes: Suffixes,
  reject: ReadContext['reject'],
): PairRecord | undefined {
  if (sample.broken) return undefined;
  const picture = pictureOf(sample, file, suffixes, reject);
  const origin: Origin = { file: file.name, member: picture?.name ?? sample.key };
  const caption = suffixes.text.map((suffix) => textOf(sample, suffix)).find((text) => text !== undefined);
  if (!picture) {
    // Samples of something else (class labels, lists) are no pairs, and not broken either where nothing is like a pair.
    const pictures = sample.others.filter((suffix) => IMAGE_SUFFIX.test(suffix.split('.').at(-1)!));
    if (caption !== undefined || pictures.length > 0) {
      reject(
        new DataError('missing-image', origin, {
          expected: `an image ${suffixes.image ? suffixes.image.map((suffix) => `.${suffix}`).join(' or ') : '(.jpg, .png, .webp, …)'} of the sample`,
          got: pictures.length > 0 ? `only .${pictures.join(', .')}` : 'none',
          remedy:
            pictures.length > 0
              ? `name it: members: { image: '${pictures[0]}' }; a sample's name ends at its first dot`
              : 'pack it beside the caption (tar --sort=name), or remove the caption',
        }),
      );
    }
    return undefined;
  }
  try {
    const metadata = metadataOf(sample, file, caption === undefined);
    const key = options.fields?.text ?? ((metadata.text ?? undefined) === undefined ? 'caption' : 'text');
    const value = caption ?? valueAt(metadata, key);
    if (value === undefined || value === null) {
      throw new DataError('missing-caption', origin, {
        expected: `${sample.key}.${suffixes.text[0]}, or ${options.fields?.text ? `"${key}"` : '"text" or "caption"'} in ${sample.key}.json`,
        got: sample.others.length > 0 ? `members .${sample.others.slice(0, 8).join(', .')}` : 'neither',
        remedy:
          'name the key of the caption, fields: { text }, or its member, members: { text }; members of a sample follow each other (tar --sort=name)',
      });
    }
    const maxCaptionLength = options.maxCaptionLength ?? defaultLimits.maxCaptionLength;
    const text = checkCaptions(value, key, origin, { maxCaptionLength }, reject);
    if (text === undefined) return undefined;
    const id = givenId(valueAt(metadata, options.fields?.id ?? 'id'), options.fields?.id, origin, file.ids);
    const labels =
      options.labels &&
      readLabels(options.labels, (field) => valueAt(metadata, field) ?? textOf(sample, field.toLowerCase()), origin);
    const image = picture.content;
    return { id: id ?? file.ids.member(sample.key), item, image, text, origin, ...(labels && { labels }) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    reject(error);
    return undefined;
  }
}

/** The first picture that is asked for; of several that nothing tells apart the first in the archive, and a note of the others. */
function pictureOf(sample: Sample, file: DataFile, { image }: Suffixes, reject: ReadContext['reject']) {
  const found = [...sample.members].flatMap(([suffix, { name, content }]) =>
    typeof content === 'string' ? [] : [{ suffix, name, content }],
  );
  if (image) return image.map((suffix) => found.find((member) => member.suffix === suffix)).find(Boolean);
  for (const { name, suffix } of found.slice(1)) {
    reject(
      new DataError(
        'unsupported-member',
        { file: file.name, member: name },
        {
          expected: `one picture in the sample ${sample.key}`,
          got: `.${suffix} beside .${found[0]!.suffix}, which is used`,
          remedy: `name the right one: members: { image: '${suffix}' }`,
        },
      ),
    );
  }
  return found[0];
}

function textOf(sample: Sample, suffix: string): string | undefined {
  const content = sample.members.get(suffix)?.content;
  return typeof content === 'string' ? content.trim() : undefined;
}

/** What the sample's `.json` says; nothing where it is broken and no caption is wanted of it. */
function metadataOf(sample: Sample, file: DataFile, needed: boolean): Record<string, unknown> {
  const json = textOf(sample, 'json');
  if (json === undefined) return {};
  try {
    const parsed = parseJson(json);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch (cause) {
    if (!needed) return {};
    throw new DataError(
      'malformed-json',
      { file: file.name, member: `${sample.key}.json` },
      { expected: 'a JSON object', got: messageOf(cause, 200), remedy: 'write it again' },
      { cause },
    );
  }
}
