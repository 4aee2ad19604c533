import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Names the weights of a model folder, wherever it lies; undefined where it has none. Vectors of other weights cannot be compared. */
export async function modelId(folder: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(join(folder, 'model.safetensors')), hash);
  } catch {
    return undefined; // loading it says why
  }
  return hash.digest('hex').slice(0, 32);
}
