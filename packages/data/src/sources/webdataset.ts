import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { checkCaptions } from '../captions.js';
import { DataError, messageOf } from '../data-error.js';
import type { HttpOptions } from '../io/http.js';
import { isRemote } from '../io/image-path.js';
import { isCompressed, notEmpty, openBytes } from '../io/open.js';
import { decodeUtf8 } from '../io/utf8.js';
import { defaultMaxImageBytes } from '../load-image.js';
import type { ImageRef, Origin, PairRecord } from '../record.js';
import type { PairSource, ReadContext } from '../source.js';
import { IMAGE_NAME } from './folder.js';
import { defaultLimits, type RowLimits } from './row.js';
import { shardedSource } from './sharded.js';

/** Options of {@link webdataset}. */
export interface WebDatasetOptions extends Partial<RowLimits> {
  /** Keys of a `.json` member; `text` (or `caption`) and `id` by default. A `.txt` member goes first. */
  readonly fields?: { readonly text?: string; readonly id?: string };
  /** For `http(s)` addresses. */
  readonly http?: HttpOptions;
  /** Largest image that is read out of compressed or remote shards; 64 MiB by default. */
  readonly maxImageBytes?: number;
}

/**
 * Shards of WebDataset: tar files in which the members of one sample follow each other and share their name up to the
 * first dot: `000017.jpg`, `000017.txt` (a caption a line is not read: the whole is one) or `000017.json`.
 *
 * Local uncompressed shards give references into the file, so that a shuffle buffer holds no image; `.tar.gz`,
 * `.tar.zst` and remote ones give the images' bytes.
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
  return shardedSource('webdataset', files, (file, firstItem, context) => readShard(file, firstItem, options, context));
}

async function* readShard(file: string, firstItem: number, options: WebDatasetOptions, context: ReadContext) {
  const { reject, signal } = context;
  const inPlace = !isRemote(file) && !isCompressed(file);
  let item = firstItem;
  let sample: Sample | undefined;
  for await (const member of readMembers(file, inPlace, options, reject, signal)) {
    if (sample && sample.key !== member.key) {
      const record = finish(sample, item++, file, options, reject);
      if (record) yield record;
      sample = undefined;
    }
    sample ??= { key: member.key };
    addMember(sample, member, file, reject);
  }
  if (sample) {
    const record = finish(sample, item, file, options, reject);
    if (record) yield record;
  }
}

interface Member {
  readonly name: string;
  /** The name up to the first dot of its last part. */
  readonly key: string;
  readonly content: { readonly image: ImageRef } | { readonly text: string } | { readonly json: string } | 'broken';
}

interface Sample {
  readonly key: string;
  image?: ImageRef;
  imageName?: string;
  text?: string;
  json?: string;
  /** A member of it was rejected: so is the rest, without another message. */
  broken?: boolean;
}

function addMember(sample: Sample, { name, content }: Member, file: string, reject: ReadContext['reject']): void {
  if (content === 'broken') {
    sample.broken = true;
    return;
  }
  const kind = 'image' in content ? 'image' : 'text' in content ? 'text' : 'json';
  if (sample[kind] !== undefined) {
    reject(
      new DataError(
        'unsupported-member',
        { file, member: name },
        {
          expected: `one ${kind} in the sample ${sample.key}`,
          got: 'a second one',
          remedy: 'give each sample a name of its own',
        },
      ),
    );
    return;
  }
  Object.assign(sample, content, kind === 'image' && { imageName: name });
}

function finish(
  sample: Sample,
  item: number,
  file: string,
  { fields, maxCaptionLength = defaultLimits.maxCaptionLength }: WebDatasetOptions,
  reject: ReadContext['reject'],
): PairRecord | undefined {
  const origin: Origin = { file, member: sample.imageName ?? sample.key };
  if (sample.broken) return undefined;
  if (!sample.image) {
    // Samples of something else (class labels, lists) are no pairs, and not broken either where they have no caption.
    if (sample.text !== undefined) {
      reject(
        new DataError('missing-image', origin, {
          expected: 'an image beside the caption',
          got: 'none',
          remedy: 'add one or remove it',
        }),
      );
    }
    return undefined;
  }
  let metadata: Record<string, unknown> = {};
  if (sample.json !== undefined) {
    try {
      const parsed: unknown = JSON.parse(sample.json);
      if (typeof parsed === 'object' && parsed !== null) metadata = parsed as Record<string, unknown>;
    } catch (cause) {
      if (sample.text === undefined) {
        reject(
          new DataError(
            'malformed-json',
            { file, member: `${sample.key}.json` },
            { expected: 'a JSON object', got: messageOf(cause, 200), remedy: 'write it again' },
            { cause },
          ),
        );
        return undefined;
      }
    }
  }
  const key = fields?.text ?? (metadata.text === undefined ? 'caption' : 'text');
  const value = sample.text ?? metadata[key];
  if (value === undefined || value === null) {
    reject(
      new DataError('missing-caption', origin, {
        expected: `${sample.key}.txt, or "text" or "caption" in ${sample.key}.json`,
        got: 'neither',
        remedy: 'name the key of the caption: fields: { text }',
      }),
    );
    return undefined;
  }
  const text = checkCaptions(value, key, origin, { maxCaptionLength }, reject);
  if (text === undefined) return undefined;
  const id = metadata[fields?.id ?? 'id'];
  const known = typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
  return { id: known ?? `${file}/${sample.key}`, item, image: sample.image, text, origin };
}

/** The members of a shard that can be part of a pair, with captions read and images read or referred to. */
async function* readMembers(
  file: string,
  inPlace: boolean,
  { http, maxImageBytes = defaultMaxImageBytes }: WebDatasetOptions,
  reject: ReadContext['reject'],
  signal: AbortSignal | undefined,
): AsyncGenerator<Member> {
  const archive = extract();
  let failure: unknown;
  const bytes = Readable.from(notEmpty(openBytes(file, { ...http, signal })), { objectMode: false });
  pipeline(bytes, archive as unknown as NodeJS.WritableStream).catch((error: unknown) => {
    failure ??= error;
  });
  let last: string | undefined;
  try {
    for await (const entry of archive) {
      const header = entry.header as Header & { byteOffset?: number };
      const { name } = header;
      last = name;
      const member = await readMember();
      // Without reading a member to its end, the next never comes.
      entry.resume();
      if (member) yield member;

      async function readMember(): Promise<Member | undefined> {
        if (header.type === 'directory') return undefined;
        const kind = IMAGE_NAME.test(name)
          ? 'image'
          : TEXT_NAME.test(name)
            ? 'text'
            : /\.json$/i.test(name)
              ? 'json'
              : '';
        if (kind === '') return undefined;
        const key = keyOf(name);
        const problem = problemOf(header, file);
        if (problem) {
          reject(problem);
          return { name, key, content: 'broken' };
        }
        const size = header.size ?? 0;
        const limit = kind === 'image' ? maxImageBytes : MAX_TEXT_BYTES;
        if (size > limit || (kind === 'image' && size === 0)) {
          reject(sizeError(kind, size, limit, { file, member: name }));
          return { name, key, content: 'broken' };
        }
        if (kind === 'image' && inPlace && header.byteOffset !== undefined) {
          return {
            name,
            key,
            content: { image: { kind: 'slice', path: file, offset: header.byteOffset, length: size } },
          };
        }
        const content = new Uint8Array(size);
        let filled = 0;
        for await (const chunk of entry as AsyncIterable<Uint8Array>) {
          content.set(chunk, filled);
          filled += chunk.byteLength;
        }
        if (kind === 'image') return { name, key, content: { image: { kind: 'bytes', bytes: content } } };
        const text = decodeUtf8(content);
        if (text === undefined) {
          const parts = { expected: 'UTF-8', got: 'bytes that are not', remedy: 'convert it, e.g. from Latin-1' };
          reject(new DataError('invalid-utf8', { file, member: name }, parts));
          return { name, key, content: 'broken' };
        }
        return { name, key, content: kind === 'json' ? { json: text } : { text: text.trim() } };
      }
    }
  } catch (error) {
    // The cause lies in the bytes (a download, a decompressor) or in the archive itself.
    const cause = failure ?? error;
    if (cause instanceof DataError || signal?.aborted) throw cause;
    throw new DataError(
      'malformed-tar',
      last === undefined ? { file } : { file, member: last },
      {
        expected: last === undefined ? 'a tar file' : 'a whole tar file',
        got: `${messageOf(cause, 200)}${last === undefined ? '' : ' at or after this member'}`,
        remedy: 'fetch or pack the shard again',
      },
      { cause },
    );
  } finally {
    archive.destroy();
    bytes.destroy();
  }
}

const TEXT_NAME = /\.(txt|text|caption)$/i;
const MAX_TEXT_BYTES = 2 ** 20;

function keyOf(name: string): string {
  const dot = name.indexOf('.', name.lastIndexOf('/') + 1);
  return dot === -1 ? name : name.slice(0, dot);
}

/** Members whose names or kinds have no place in a data set. Nothing is ever written to disk; it is refused all the same. */
function problemOf({ name, type }: Header, file: string): DataError | undefined {
  const origin = { file, member: name };
  if (name.startsWith('/') || /^[a-z]:[\\/]/i.test(name) || name.split(/[\\/]/).includes('..')) {
    return new DataError('outside-root', origin, {
      expected: 'a member with a relative name',
      got: 'an absolute one or one with ..',
      remedy: 'pack the shard with relative names',
    });
  }
  if (type === 'file' || type === 'contiguous-file' || type === null || type === undefined) return undefined;
  return new DataError('unsupported-member', origin, {
    expected: 'a regular file',
    got: `a ${type}`,
    remedy: 'pack the files themselves (tar --dereference --hard-dereference)',
  });
}

function sizeError(kind: string, size: number, limit: number, origin: Origin): DataError {
  if (size === 0)
    return new DataError('empty-image', origin, {
      expected: 'an encoded image',
      got: 'no bytes',
      remedy: 'pack it again',
    });
  return new DataError(kind === 'image' ? 'image-too-large' : 'caption-too-long', origin, {
    expected: `at most ${limit} bytes`,
    got: `${size} bytes`,
    remedy: kind === 'image' ? 'shrink it or raise maxImageBytes' : 'shorten it',
  });
}
