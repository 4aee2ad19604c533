import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { HubError } from '@diptych/core';
import { HttpFailure, type HttpOptions, httpBytes, publicName } from '@diptych/core/http';
import type { WheelFile } from './wheel-files.js';

/** A download on its way. */
export interface WheelProgress {
  readonly file: string;
  readonly loaded: number;
  /** Undefined where neither index nor server tells it. */
  readonly total?: number;
}

/**
 * Brings a wheel to a path, whole and with the hash that the index lists. What was begun goes on where it stopped.
 *
 * @throws HubError if the server refuses, nothing comes any more, or the content is another
 */
export async function fetchWheel(
  wheel: WheelFile,
  path: string,
  http: HttpOptions = {},
  onProgress?: (progress: WheelProgress) => void,
): Promise<void> {
  const partial = `${path}.part`;
  const where = publicName(wheel.url);
  const begun = existsSync(partial) ? statSync(partial).size : 0;
  const start = wheel.size !== undefined && begun > wheel.size ? 0 : begun;
  const hash = createHash('sha256');
  const file = await open(partial, start === 0 ? 'w' : 'a');
  try {
    if (start > 0)
      for await (const bytes of createReadStream(partial, { end: start - 1 })) hash.update(bytes as Uint8Array);
    let loaded = start;
    let total = wheel.size;
    const onAnswer = (headers: Headers, status: number) => {
      const ranged = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
      const whole = status === 206 ? ranged : headers.get('content-length');
      if (whole) total ??= Number(whole);
    };
    const range = {
      ...(start > 0 && { start }),
      ...(wheel.size !== undefined && { size: wheel.size }),
      isVerified: true,
      onAnswer,
    };
    for await (const bytes of httpBytes(wheel.url, http, range)) {
      await file.writeFile(bytes);
      hash.update(bytes);
      loaded += bytes.length;
      onProgress?.({ file: wheel.filename, loaded, ...(total !== undefined && { total }) });
    }
    await file.sync();
  } catch (failure) {
    if (!(failure instanceof HttpFailure)) throw failure;
    // more is here than the file has: it is another one
    if (failure.status === 416) await rm(partial, { force: true });
    const remedy = 'try again: it goes on where it stopped';
    throw new HubError({ where, problem: `the download failed: ${failure.message}`, remedy }, { cause: failure });
  } finally {
    await file.close();
  }
  const got = hash.digest('hex');
  if (got !== wheel.sha256.toLowerCase()) {
    await rm(partial, { force: true });
    throw new HubError({
      where,
      expected: `content of sha256 ${wheel.sha256}`,
      got,
      remedy: 'try again; if it comes again, the index or something on the way serves another file',
    });
  }
  await rename(partial, path);
}
