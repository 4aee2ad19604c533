import { HubError, isDiptychError } from '@diptych/core';
import type { DownloadProgress, RetryOptions } from './hub-options.js';
import { backoff, ConnectionLost, sleep } from './retrying-fetch.js';

/** One file on its way, whatever its bytes go into. */
export interface Download {
  /** What errors name. */
  readonly where: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the whole file. */
  readonly size: number;
  /** Bytes that are here already. */
  readonly start: number;
  /** Takes a piece; pieces may come again from position 0 if the server cannot resume. */
  write(bytes: Uint8Array, position: number): void | Promise<void>;
  readonly report?: (loaded: number) => void;
  readonly fetch: typeof fetch;
  readonly retry: Required<RetryOptions>;
}

/**
 * Fetches a file and goes on where a cut connection left off. Attempts in a row that bring nothing new are counted, so
 * that a bad line gets a large file in the end.
 *
 * @throws HubError if the server refuses, sends something of another size, or nothing comes any more
 */
export async function download(job: Download): Promise<void> {
  const { where, size, start, write, report, retry } = job;
  let furthest = start;
  let failures = 0;
  for (let position = start; position < size; ) {
    const before = furthest;
    try {
      const { stream, from } = await openRange(job, position);
      position = from;
      for await (const bytes of withoutStalls(stream, retry.stallTimeout)) {
        if (position + bytes.length > size) throw otherSize(where, size, 'more');
        await write(bytes, position);
        position += bytes.length;
        furthest = Math.max(furthest, position);
        report?.(position);
      }
      if (position < size) throw new ConnectionLost(`the connection ended after ${position} of ${size} bytes`);
    } catch (error) {
      // What the retrying fetch gave up on, or a full disk, does not get better by asking again.
      if (isDiptychError(error) || isSystemError(error)) throw error;
      failures = furthest > before ? 1 : failures + 1;
      if (failures >= retry.attempts) throw brokeOff(where, failures, position, size, error);
      await sleep(backoff(failures, retry.delay));
    }
  }
}

/** Asks for the file from a position on. Range requests are never compressed, so positions are the file's own. */
async function openRange(
  { where, url, headers, size, fetch }: Download,
  start: number,
): Promise<{ stream: ReadableStream<Uint8Array>; from: number }> {
  const response = await fetch(url, { headers: { ...headers, Range: `bytes=${start}-` } });
  const total = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  if (total && Number(total[2]) !== size) throw otherSize(where, size, `${total[2]} bytes`);
  if (!response.body) throw new ConnectionLost('the answer has no body');
  const from = response.status === 206 ? Number(total?.[1] ?? start) : 0;
  return { stream: response.body, from };
}

function otherSize(where: string, size: number, got: string): HubError {
  return new HubError({ where, expected: `${size} bytes`, got, remedy: 'the file changed on the hub: try again' });
}

function brokeOff(where: string, failures: number, position: number, size: number, error: unknown): HubError {
  const reason = error instanceof Error ? error.message : String(error);
  return new HubError(
    {
      where,
      problem: `the download broke off ${failures} times with ${position} of ${size} bytes here: ${reason}`,
      remedy: 'try again: it goes on where it stopped',
    },
    { cause: error instanceof ConnectionLost ? error : new ConnectionLost(reason, { cause: error }) },
  );
}

/** Errors of the file system (ENOSPC, EACCES) carry a system call; those of the network come wrapped by fetch. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && /^(write|open|ftruncate|fsync)$/.test(String(error.syscall));
}

async function* withoutStalls(stream: ReadableStream<Uint8Array>, timeout: number): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const stalled = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new ConnectionLost(`nothing came for ${timeout / 1000} s`)), timeout);
      });
      try {
        const { done, value } = await Promise.race([reader.read(), stalled]);
        if (done) return;
        yield value;
      } finally {
        clearTimeout(timer);
      }
    }
  } finally {
    // Closes the connection where the consumer stopped early; a stream that broke rejects here once more.
    reader.cancel().catch(() => {});
  }
}

/** Limits progress calls to about ten a second, but always lets the last one through. */
export function throttledProgress(
  onProgress: ((progress: DownloadProgress) => void) | undefined,
  source: string,
  file: string,
  total: number,
): ((loaded: number) => void) | undefined {
  if (!onProgress) return undefined;
  let last = Number.NEGATIVE_INFINITY;
  return (loaded) => {
    const now = Date.now();
    if (now - last < 100 && loaded < total) return;
    last = now;
    onProgress({ source, file, loaded, total });
  };
}
