import { closeSync, openSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { readAt } from './read-at.js';

/** Files and parts up to this size are read at once, while this thread waits. */
const SMALL_BYTES = 2 ** 16;

/** A part of a file that has to be there. */
export interface FilePart {
  readonly offset: number;
  readonly length: number;
}

/**
 * Why a file cannot be read, for callers to turn into an error of their own: there is none, it may not be read, it is a folder
 * or a device, it is larger than allowed, it ends too early, or the system says something else.
 */
export type UnreadableReason = 'missing' | 'denied' | 'folder' | 'device' | 'too-large' | 'ended' | 'failed';

/** A file that cannot be read. */
export class UnreadableFile extends Error {
  override readonly name = 'UnreadableFile';
  readonly reason: UnreadableReason;
  /** Bytes that there are, where that is the reason. */
  readonly size: number | undefined;

  constructor(reason: UnreadableReason, message: string, size?: number, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
    this.size = size;
  }
}

/**
 * Reads a regular file, or a part of one, but never more than so many bytes.
 *
 * Small ones are read at once: handing them to libuv's threads and back takes longer than decoding a small picture.
 *
 * @throws UnreadableFile
 */
export async function readBounded(path: string, maxBytes: number, part?: FilePart): Promise<Uint8Array> {
  try {
    const { offset, length } = part ?? { offset: 0, length: await sizeOf(path) };
    if (length > maxBytes) throw new UnreadableFile('too-large', `it has ${length} bytes`, length);
    return length <= SMALL_BYTES ? readAtOnce(path, offset, length) : await readInThreads(path, offset, length);
  } catch (cause) {
    if (cause instanceof UnreadableFile) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === undefined ? 'failed' : (REASONS[code] ?? 'failed');
    throw new UnreadableFile(reason, message, undefined, cause);
  }
}

const REASONS: Readonly<Record<string, UnreadableReason>> = {
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  EACCES: 'denied',
  EPERM: 'denied',
  EISDIR: 'folder',
};

async function sizeOf(path: string): Promise<number> {
  const info = await stat(path);
  if (info.isFile()) return info.size;
  throw info.isDirectory()
    ? new UnreadableFile('folder', 'it is a directory')
    : new UnreadableFile('device', 'it is a device or pipe');
}

function readAtOnce(path: string, offset: number, length: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(length);
    const filled = readAt(file, bytes, offset);
    if (filled < length) throw ended(offset + filled);
    return bytes;
  } finally {
    closeSync(file);
  }
}

async function readInThreads(path: string, offset: number, length: number): Promise<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
      if (bytesRead === 0) throw ended(offset + filled);
      filled += bytesRead;
    }
    return bytes;
  } finally {
    await file?.close();
  }
}

function ended(at: number): UnreadableFile {
  return new UnreadableFile('ended', `it ends at byte ${at}`, at);
}
