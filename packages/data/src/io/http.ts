import { httpBytes as bytesOf, HttpFailure, type HttpOptions, type HttpRange, publicName } from '@diptych/core/http';
import { DataError, type DataErrorParts } from '../data-error.js';

/**
 * The bytes of a remote file, or of a part of it, with the patience of core's `httpBytes`.
 *
 * @throws DataError `unreachable` once the attempts are used up, or at once for other answers than 2xx, or where a part is
 *   wanted and the server has no ranges
 */
export async function* httpBytes(
  url: string,
  options: HttpOptions = {},
  range?: HttpRange,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytesOf(url, options, range);
  } catch (failure) {
    if (!(failure instanceof HttpFailure)) throw failure;
    throw new DataError('unreachable', { file: publicName(url) }, explain(failure), { cause: failure });
  }
}

function explain({ kind, message, status, attempts, position, isPassing }: HttpFailure): DataErrorParts {
  if (kind === 'changed') {
    return {
      problem: `the file changed on the server while it was read (${message})`,
      remedy: 'read it again from the start',
    };
  }
  if (kind === 'no-ranges') {
    return {
      expected: 'a server that sends parts of files (an answer 206)',
      got: String(status),
      remedy: 'download the file first',
    };
  }
  if (!isPassing) {
    return {
      expected: 'an answer 200',
      got: String(status),
      remedy: 'check the address and the credentials in `headers`',
    };
  }
  return {
    problem: `gave up after ${attempts} attempts in a row at byte ${position}: ${message}`,
    remedy: 'check the address and the network, or raise `retries` and `stallTimeout`',
  };
}
