import { InputError } from '@diptych/core';
import { HttpFailure, httpBytes, publicName } from '@diptych/core/http';
import { type DecodeSource, type NamedBytes, readInMemory } from './bytes-of-source.js';

/**
 * Reads a source to its end, but never more than `maxBytes`. A text or URL is an address, which counts from the page.
 *
 * @throws InputError for what cannot be fetched, or a source beyond `maxBytes`
 */
export async function readSource(source: DecodeSource, maxBytes: number): Promise<NamedBytes> {
  if (typeof source !== 'string' && !(source instanceof URL)) return readInMemory(source, maxBytes);
  const url = new URL(source, globalThis.location?.href).href;
  const name = url.startsWith('data:') ? 'image of a data: URL' : publicName(url);
  try {
    return { ...(await readInMemory(httpBytes(url), maxBytes)), name };
  } catch (cause) {
    if (!(cause instanceof HttpFailure)) throw cause;
    throw new InputError(
      {
        where: name,
        problem: `it cannot be fetched: ${cause.message}`,
        remedy: cause.hasAnswer ? undefined : "check the address; another site's server has to allow this page (CORS)",
      },
      { cause },
    );
  }
}
