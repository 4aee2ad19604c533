import { DataError } from '../data-error.js';

/**
 * The bytes of a text file as UTF-8: files that begin with the byte order mark of UTF-16 are converted, as spreadsheets
 * save "Unicode text". A mark of UTF-8 is taken off.
 *
 * @throws DataError `invalid-utf8` for broken UTF-16, and for UTF-16 without its mark, which nothing tells from rubbish
 */
export async function* asUtf8(chunks: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let decoder: TextDecoder | undefined;
  let head = new Uint8Array(0);
  let begun = false;
  const convert = (bytes: Uint8Array | undefined): Uint8Array => {
    if (!decoder) return bytes ?? new Uint8Array(0);
    try {
      return encoder.encode(decoder.decode(bytes, { stream: bytes !== undefined }));
    } catch (cause) {
      throw notUnicode(file, `bytes that are not ${decoder.encoding.toUpperCase()}`, cause);
    }
  };
  const begin = (bytes: Uint8Array): Uint8Array => {
    begun = true;
    const [a, b, c] = bytes;
    if (a === 0xff && b === 0xfe) decoder = new TextDecoder('utf-16le', { fatal: true });
    else if (a === 0xfe && b === 0xff) decoder = new TextDecoder('utf-16be', { fatal: true });
    else if (a === 0xef && b === 0xbb && c === 0xbf) return bytes.subarray(3);
    else if (bytes.length > 1 && (a === 0) !== (b === 0)) throw notUnicode(file, 'UTF-16 without a byte order mark');
    return convert(bytes);
  };
  for await (const chunk of chunks) {
    if (begun) {
      yield convert(chunk);
      continue;
    }
    head = head.length === 0 ? new Uint8Array(chunk) : Uint8Array.of(...head, ...chunk);
    if (head.length >= LONGEST_MARK) yield begin(head);
  }
  if (!begun) yield begin(head);
  const rest = convert(undefined);
  if (rest.length > 0) yield rest;
}

const LONGEST_MARK = 3;

function notUnicode(file: string, got: string, cause?: unknown): DataError {
  return new DataError(
    'invalid-utf8',
    { file },
    { expected: 'UTF-8, or UTF-16 with its byte order mark', got, remedy: 'save the file as UTF-8' },
    { cause },
  );
}
