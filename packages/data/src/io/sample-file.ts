import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { type HttpOptions, isRemote } from '@diptych/core/http';
import { httpBytes } from './http.js';
import { fileError } from './open.js';

/**
 * A digest of a file's size and of samples of its bytes (start, middle, end; a file of up to three samples whole). It tells
 * other data from the same data elsewhere; it is no proof against somebody who changes bytes between the samples.
 *
 * A remote file has the digest of its copy here, whatever its address, its date and its ETag are. Where the server sends no parts,
 * its strong ETag stands for all behind the start; where it has none either, the file is read to its end.
 *
 * @throws DataError `missing-file`, `unreadable-file` or `unreachable`
 */
export async function sampleFile(path: string, http: HttpOptions = {}, sampleBytes = 2 ** 16): Promise<string> {
  const hash = createHash('sha256');
  if (isRemote(path)) {
    await sampleRemote(hash, path, http, sampleBytes);
    return hash.digest('hex');
  }
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      hash.update(String(size));
      for (const [start, end] of samplesOf(size, sampleBytes)) hash.update(await readPart(file, start, end));
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fileError(path, cause);
  }
  return hash.digest('hex');
}

/** The parts of a file that are looked at: start and the first byte behind. */
function samplesOf(size: number, sample: number): readonly [Part, ...Part[]] {
  if (size <= 3 * sample) return [[0, size]];
  const middle = Math.floor((size - sample) / 2);
  return [
    [0, sample],
    [middle, middle + sample],
    [size - sample, size],
  ];
}

type Part = readonly [start: number, end: number];

async function readPart(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(end - start);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
  return bytes.subarray(0, bytesRead);
}

async function sampleRemote(hash: Hash, url: string, http: HttpOptions, sample: number): Promise<void> {
  let answer: Answer = { hasParts: true, size: 0, version: undefined };
  const onAnswer = (headers: Headers, status: number) => {
    answer = answerOf(headers, status);
  };
  const whole = createHash('sha256');
  const start: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of httpBytes(url, http, { start: 0, onAnswer })) {
    if (length < 3 * sample) start.push(chunk);
    whole.update(chunk);
    length += chunk.length;
    const { hasParts, size, version } = answer;
    const isKnown = size !== undefined && (hasParts || version !== undefined);
    if (isKnown && length >= samplesOf(size, sample)[0][1]) break;
  }
  const { hasParts, size = length, version } = answer;
  const [first, ...others] = samplesOf(size, sample);
  hash.update(String(size));
  hash.update(Buffer.concat(start).subarray(0, first[1]));
  if (others.length === 0) return;
  if (!hasParts) {
    hash.update(version ?? whole.digest());
    return;
  }
  for (const [from, end] of others) {
    for await (const chunk of httpBytes(url, http, { start: from, end })) hash.update(chunk);
  }
}

/** What a server says of a file. */
interface Answer {
  readonly hasParts: boolean;
  readonly size: number | undefined;
  /** A strong ETag, which stands for the very bytes. */
  readonly version: string | undefined;
}

function answerOf(headers: Headers, status: number): Answer {
  // What a server compresses on the way (or says that it did) it counts in other bytes.
  const isPlain = /^(identity)?$/i.test(headers.get('content-encoding') ?? '');
  const total =
    status === 206 ? /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1] : headers.get('content-length');
  const size = isPlain && total ? Number(total) : undefined;
  const etag = headers.get('etag') ?? undefined;
  return {
    hasParts: status === 206 && size !== undefined,
    size,
    version: size === undefined || etag?.startsWith('W/') ? undefined : etag,
  };
}
