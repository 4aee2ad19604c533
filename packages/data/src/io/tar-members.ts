import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { HttpOptions } from '@diptych/core/http';
import { extract, type Header } from 'tar-stream';
import { DataError, messageOf } from '../data-error.js';
import type { Origin } from '../origin.js';
import type { ImageRef } from '../record.js';
import type { SourceFile } from './address.js';
import { isCompanion } from './names.js';
import { notEmpty, openBytes } from './open.js';
import { decodeText } from './utf8.js';

/** How a member is read: as a reference (or bytes), or as text. */
export type MemberKind = 'image' | 'text';

/** A member of an archive. */
export interface TarMember {
  readonly name: string;
  /** The name up to the first dot of its last part. */
  readonly key: string;
  /** What follows that dot, in small letters. */
  readonly suffix: string;
  /** `other`: nothing that was asked for; `broken`: rejected. */
  readonly content: ImageRef | string | 'other' | 'broken';
}

/** What is read of an archive. */
export interface TarOptions {
  /** The archive is a local file as it is: images are referred to by their place in it. */
  readonly inPlace: boolean;
  readonly http: HttpOptions;
  readonly maxImageBytes: number;
  /** What a member with this suffix is; undefined: nothing. */
  readonly kindOf: (suffix: string) => MemberKind | undefined;
  readonly reject: (error: DataError) => void;
}

/**
 * The members of a tar in their order, without folders and companions (`._name`, `.DS_Store`, …).
 *
 * @throws DataError `malformed-tar` where the archive is damaged or ends within a member, with what came before given; others as `openBytes`
 */
export async function* readMembers(file: SourceFile, options: TarOptions): AsyncGenerator<TarMember> {
  const { http } = options;
  const archive = extract(READ_ALL_FORMATS);
  const tail = new Tail();
  let failure: unknown;
  const bytes = Readable.from(tail.watch(notEmpty(openBytes(file.path, http))), { objectMode: false });
  // tar-stream's streams are streamx's, which Node's pipeline takes and its types do not know
  pipeline(bytes, archive as unknown as NodeJS.WritableStream).catch((error: unknown) => {
    failure ??= error;
  });
  const earlier = new Map<string, Place>();
  let last: string | undefined;
  try {
    for await (const entry of archive) {
      const header = entry.header as TarHeader;
      last = header.name;
      const member = await readMember(file, header, entry as AsyncIterable<Uint8Array>, earlier, options);
      // Without reading a member to its end, the next never comes.
      entry.resume();
      if (member) yield member;
    }
  } catch (error) {
    // The cause lies in the bytes (a download, a decompressor) or in the archive itself.
    const cause = failure ?? error;
    if (cause instanceof DataError || http.signal?.aborted) throw cause;
    throw malformed(file, last, messageOf(cause, 200), cause);
  } finally {
    archive.destroy();
    bytes.destroy();
  }
  // Cut between two members, an archive ends like a whole one but for the zeros at its end.
  if (!tail.isZero) options.reject(malformed(file, last, 'an archive without its end mark, which may have been cut'));
}

// v7 has no format mark; the checksum of a header is checked all the same. The types lack the option.
const READ_ALL_FORMATS = { allowUnknownFormat: true } as Parameters<typeof extract>[0];

type TarHeader = Header & { byteOffset?: number; pax?: Readonly<Record<string, string>> | null };

/** Where a member lies, for links to it. */
interface Place {
  readonly offset: number;
  readonly size: number;
}

async function readMember(
  file: SourceFile,
  header: TarHeader,
  entry: AsyncIterable<Uint8Array>,
  earlier: Map<string, Place>,
  { inPlace, maxImageBytes, kindOf, reject }: TarOptions,
): Promise<TarMember | undefined> {
  const name = header.name.replace(/^(\.\/+)+/, '');
  if (header.type === 'directory' || isCompanion(name)) return undefined;
  const dot = name.indexOf('.', name.lastIndexOf('/') + 1);
  const key = dot === -1 ? name : name.slice(0, dot);
  // A hidden file has no key (webdataset passes it over as well).
  if (key === '' || key.endsWith('/')) return undefined;
  const suffix = dot === -1 ? '' : name.slice(dot + 1).toLowerCase();
  const origin = { file: file.name, member: name };
  const isLink = header.type === 'link' || header.type === 'symlink';
  const place = isLink
    ? linkTarget(name, header, earlier)
    : { offset: header.byteOffset ?? -1, size: header.size ?? 0 };
  const inFile = inPlace && place !== undefined && place.offset >= 0;
  if (inFile) earlier.set(name, place);
  const kind = kindOf(suffix);
  if (kind === undefined) return { name, key, suffix, content: 'other' };
  const problem =
    problemOf(name, header, origin, isLink && inFile) ?? sizeProblem(kind, place!.size, maxImageBytes, origin);
  if (problem) {
    reject(problem);
    return { name, key, suffix, content: 'broken' };
  }
  const { offset, size } = place!;
  if (kind === 'image' && inFile) {
    return { name, key, suffix, content: { kind: 'slice', path: file.path, offset, length: size } };
  }
  const content = isLink ? await readPlace(file.path, place!) : await readEntry(entry, size);
  if (kind === 'image') return { name, key, suffix, content: { kind: 'bytes', bytes: content } };
  const text = decodeText(content);
  if (text === undefined) {
    const parts = { expected: 'UTF-8', got: 'bytes that are not', remedy: 'convert it, e.g. from Latin-1' };
    reject(new DataError('invalid-utf8', origin, parts));
    return { name, key, suffix, content: 'broken' };
  }
  return { name, key, suffix, content: text };
}

/** A hard link names a member as it stands in the archive, a symbolic one from its own folder. */
function linkTarget(
  name: string,
  { type, linkname }: TarHeader,
  earlier: ReadonlyMap<string, Place>,
): Place | undefined {
  const target = (linkname ?? '').replace(/^(\.\/+)+/, '');
  return earlier.get(type === 'symlink' ? posix.join(posix.dirname(name), target) : target);
}

async function readEntry(entry: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const content = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of entry) {
    content.set(chunk, filled);
    filled += chunk.byteLength;
  }
  return content;
}

async function readPlace(path: string, { offset, size }: Place): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const bytes = new Uint8Array(size);
    const { bytesRead } = await file.read(bytes, 0, size, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Members whose names or kinds have no place in a data set. Nothing is ever written to disk; it is refused all the same. */
function problemOf(name: string, header: TarHeader, origin: Origin, linkIsKnown: boolean): DataError | undefined {
  if (name.startsWith('/') || /^[a-z]:[\\/]/i.test(name) || name.split(/[\\/]/).includes('..')) {
    return new DataError('outside-root', origin, {
      expected: 'a member with a relative name',
      got: 'an absolute one or one with ..',
      remedy: 'pack the shard with relative names',
    });
  }
  const { type, pax } = header;
  const isSparse = pax !== undefined && pax !== null && Object.keys(pax).some((key) => key.startsWith('GNU.sparse.'));
  if ((type === 'file' || type === 'contiguous-file') && !isSparse) return undefined;
  if (linkIsKnown) return undefined;
  return new DataError('unsupported-member', origin, {
    expected: 'a regular file',
    got: isSparse || !type ? 'a sparse file or one of an unknown kind' : `a ${type}`,
    remedy: 'pack the files themselves (tar --dereference --hard-dereference, without --sparse)',
  });
}

function sizeProblem(kind: MemberKind, size: number, maxImageBytes: number, origin: Origin): DataError | undefined {
  if (kind === 'image' && size === 0) {
    return new DataError('empty-image', origin, {
      expected: 'an encoded image',
      got: 'no bytes',
      remedy: 'pack it again',
    });
  }
  const limit = kind === 'image' ? maxImageBytes : MAX_TEXT_BYTES;
  if (size <= limit) return undefined;
  return new DataError(kind === 'image' ? 'image-too-large' : 'caption-too-long', origin, {
    expected: `at most ${limit} bytes`,
    got: `${size} bytes`,
    remedy: kind === 'image' ? 'shrink it or raise maxImageBytes' : 'shorten it',
  });
}

const MAX_TEXT_BYTES = 2 ** 20;

function malformed(file: SourceFile, last: string | undefined, got: string, cause?: unknown): DataError {
  return new DataError(
    'malformed-tar',
    last === undefined ? { file: file.name } : { file: file.name, member: last },
    {
      expected: last === undefined ? 'a tar file' : 'a whole tar file',
      got: last === undefined ? got : `${got}, at or after this member`,
      remedy: 'fetch or pack the shard again',
    },
    { cause },
  );
}

/** Watches whether the last block of a stream is of zeros. */
class Tail {
  #last: Uint8Array = new Uint8Array(0);

  async *watch(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#last =
        chunk.byteLength >= BLOCK
          ? Uint8Array.from(chunk.subarray(-BLOCK))
          : Uint8Array.of(...this.#last, ...chunk).subarray(-BLOCK);
      yield chunk;
    }
  }

  get isZero(): boolean {
    return this.#last.every((byte) => byte === 0);
  }
}

const BLOCK = 512;
