/** One line of a text file, without its line break. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** The line's bytes; undefined where it is longer than allowed. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * Splits a byte stream into lines (`\n` or `\r\n`), some at a time. Holds at most one line of `maxBytes` and one chunk:
 * what is longer is skipped over and given without its bytes.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line[]> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let held = 0;
  let tooLong = false;
  const add = (part: Uint8Array) => {
    held += part.byteLength;
    if (held > maxBytes) {
      tooLong = true;
      parts = [];
    } else if (part.byteLength > 0) {
      parts.push(part);
    }
  };
  const finish = (): Line => {
    const line: Line = { number: number++, bytes: tooLong ? undefined : withoutReturn(join(parts)) };
    parts = [];
    held = 0;
    tooLong = false;
    return line;
  };
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      lines.push(finish());
      start = end + 1;
    }
    // A copy: the rest of the line must not keep the whole chunk alive, nor see it reused.
    add(new Uint8Array(chunk.subarray(start)));
    if (lines.length > 0) yield lines;
  }
  if (held > 0) yield [finish()];
}

const NEWLINE = 10;
const RETURN = 13;

function join(parts: Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function withoutReturn(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes;
}
