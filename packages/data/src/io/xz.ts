import xz from 'xz-decompress';

/** What the WebAssembly of xz-decompress exports: xz-embedded, which holds dictionaries of up to 64 MiB (`xz -9`). */
interface Decoder {
  readonly memory: WebAssembly.Memory;
  create_context(): number;
  /** 0 bytes say that there is no more. */
  supply_input(context: number, length: number): void;
  get_next_output(context: number): number;
  destroy_context(context: number): void;
}

/** Private state of the library's class. */
interface Library {
  _moduleInstance?: { readonly exports: Decoder };
  _moduleInstancePromise?: Promise<void>;
  _getModuleInstance(): Promise<void>;
}

/**
 * Decompresses xz (any number of streams and blocks), 64 KiB at a time.
 *
 * The library's own stream lets one file be read at a time: a second one waits until the first is through, for ever where both
 * are read in turns. Each file has a decoder of its own here. compression.test.ts names the version whose insides these are.
 *
 * @throws Error where the stream is damaged or cut short, or asks for what xz-embedded does not have
 */
export async function* unxz(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = await newDecoder();
  const context = decoder.create_context();
  // buffer size, input: address, position, length; output: address, position
  const fields = () => new Uint32Array(decoder.memory.buffer, context, 6);
  const [size, inputAt, , , outputAt] = fields() as unknown as [number, number, number, number, number];
  let code = OK;
  function* outputs(): Generator<Uint8Array> {
    for (;;) {
      code = decoder.get_next_output(context);
      if (code > STREAM_END) throw new Error(PROBLEMS[code] ?? `it is damaged (code ${code})`);
      const state = fields();
      const [, , read, length, , written] = state as unknown as [number, number, number, number, number, number];
      state[5] = 0;
      if (written > 0) yield new Uint8Array(decoder.memory.buffer, outputAt, written).slice();
      if (code === STREAM_END || (read === length && written < size)) return;
    }
  }
  try {
    for await (const chunk of chunks) {
      for (let start = 0; start < chunk.length; start += size) {
        const piece = chunk.subarray(start, start + size);
        new Uint8Array(decoder.memory.buffer, inputAt, piece.length).set(piece);
        decoder.supply_input(context, piece.length);
        yield* outputs();
      }
    }
    decoder.supply_input(context, 0);
    yield* outputs();
    if (code !== STREAM_END) throw new Error(CUT_SHORT);
  } finally {
    decoder.destroy_context(context);
  }
}

// xz.h of xz-embedded
const OK = 0;
const STREAM_END = 1;
const CUT_SHORT = 'it is cut short';
const PROBLEMS: Readonly<Record<number, string>> = {
  3: 'there is no memory left for it',
  4: 'it needs a dictionary of more than 64 MiB',
  6: 'it has a filter or a check that is not read (BCJ, SHA-256): compress it again with plain xz',
  7: 'it is damaged',
  8: CUT_SHORT,
};

let last: Promise<unknown> = Promise.resolve();

/** One after the other: the library leaves an instance where the next one leaves its own. */
function newDecoder(): Promise<Decoder> {
  const library = xz.XzReadableStream as unknown as Library; // its types leave private fields out
  const made = last.then(async () => {
    await library._getModuleInstance();
    const decoder = library._moduleInstance!.exports;
    library._moduleInstance = undefined;
    library._moduleInstancePromise = undefined;
    return decoder;
  });
  last = made.catch(() => {});
  return made;
}
