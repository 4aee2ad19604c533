import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { HttpOptions } from '@diptych/core/http';
import { isRemote, publicName } from '@diptych/core/http';
import { httpBytes } from './http.js';
import { fileError } from './open.js';

/**
 * A digest of a file's size and of samples of its bytes (start, middle, end; a file of up to three samples whole). Of a
 * remote file: of what its first answer holds. It tells other data from the same data elsewhere; it is no proof against
 * somebody who changes bytes between the samples.
 *
 * @throws DataError `missing-file`, `unreadable-file` or `unreachable`
 */
export async function sampleFile(path: string, http: HttpOptions = {}, sampleBytes = 2 ** 16): Promise<string> {
  const hash = createHash('sha256');
  if (isRemote(path)) {
    let left = sampleBytes;
    for await (const chunk of httpBytes(path, http)) {
      hash.update(chunk.subarray(0, left));
      left -= chunk.byteLength;
      if (left <= 0) break;
    }
    return hash.digest('hex');
  }
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      hash.update(String(size));
      const starts = size <= 3 * sampleBytes ? [0] : [0, Math.floor((size - sampleBytes) / 2), size - sampleBytes];
      const length = size <= 3 * sampleBytes ? size : sampleBytes;
      const bytes = Buffer.alloc(length);
      for (const start of starts) {
        const { bytesRead } = await file.read(bytes, 0, length, start);
        hash.update(bytes.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fileError(publicName(path), cause);
  }
  return hash.digest('hex');
}
