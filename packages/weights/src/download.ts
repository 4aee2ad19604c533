import { HubError } from '@diptych/core';
import { HttpFailure, httpBytes, type RetryOptions } from '@diptych/core/http';
import { hubError } from './hub-error.js';
import type { DownloadProgress } from './hub-options.js';

/** One file on its way, whatever its bytes go into. */
export interface Download {
  /** What errors name. */
  readonly where: string;
  readonly url: string;
  /** Bytes of the whole file. */
  readonly size: number;
  /** Bytes that are here already. */
  readonly start: number;
  /** Takes the next piece. */
  write(bytes: Uint8Array, position: number): void | Promise<void>;
  readonly report?: (loaded: number) => void;
  readonly fetch: typeof fetch;
  readonly retry: RetryOptions | undefined;
}

/**
 * Fetches a file, whose content the caller then checks, and goes on where a cut connection left off.
 *
 * @throws HubError if the server refuses, sends something of another size, or nothing comes any more
 */
export async function download({ where, url, size, start, write, report, fetch, retry }: Download): Promise<void> {
  if (start >= size) return;
  let position = start;
  const onAnswer = (headers: Headers) => {
    const total = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
    if (total !== undefined && Number(total) !== size) throw otherSize(where, size, `${total} bytes`);
  };
  try {
    for await (const bytes of httpBytes(url, { ...retry, fetch }, { start, size, isVerified: true, onAnswer })) {
      if (position + bytes.length > size) throw otherSize(where, size, 'more');
      await write(bytes, position);
      position += bytes.length;
      report?.(position);
    }
  } catch (failure) {
    if (!(failure instanceof HttpFailure)) throw failure;
    throw failure.kind === 'connection' && failure.hasAnswer
      ? interruptedDownload(where, size, failure)
      : hubError(where, url, failure);
  }
}

function otherSize(where: string, size: number, got: string): HubError {
  return new HubError({ where, expected: `${size} bytes`, got, remedy: 'the file changed on the hub: try again' });
}

function interruptedDownload(where: string, size: number, failure: HttpFailure): HubError {
  const { attempts, position, message } = failure;
  return new HubError(
    {
      where,
      problem: `the download broke off ${attempts} times with ${position} of ${size} bytes here: ${message}`,
      remedy: 'try again: it goes on where it stopped',
    },
    { cause: failure },
  );
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
