/// <reference path="./unbzip2-stream.d.ts" />
import bitIterator from 'unbzip2-stream/lib/bit_iterator.js';
import bzip2 from 'unbzip2-stream/lib/bzip2.js';

/**
 * Decompresses bzip2 (any number of streams, as pbzip2 writes) block by block, with the decoder of unbzip2-stream. Its stream
 * would give all blocks of what it has got at once, and a kilobyte can hold gigabytes; here a block is decoded when it is
 * asked for, 46 MB at most. What follows the last stream and is none is passed over, as Python does.
 *
 * @throws Error where the stream is damaged or cut short
 */
export async function* bunzip2(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = new Input(chunks);
  // tables of its own: the module keeps those of the last stream
  const decoder: typeof bzip2 = Object.create(bzip2);
  let streams = 0;
  while (await input.hasStream()) {
    const level = decoder.header(input.bits);
    const size = level * BLOCK_UNIT;
    let checksum = 0;
    for (;;) {
      await input.fill(size + TABLES);
      const block = new Growing(size);
      const next = decoder.decompress(input.bits, block.push, new Int32Array(size), size, checksum);
      if (next === null) break;
      checksum = next;
      yield block.bytes();
    }
    streams++;
  }
  if (streams === 0) throw new Error('it is cut short');
}

const BLOCK_UNIT = 100_000;
/** What a block's tables take beside its symbols, at most. */
const TABLES = 25_000;

/** Bytes as they come, as bits. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #queue: Uint8Array[] = [];
  #received = 0;
  #ended = false;
  #bits: ReturnType<typeof bitIterator> | undefined;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  get bits(): ReturnType<typeof bitIterator> {
    this.#bits ??= bitIterator(() => {
      const chunk = this.#queue.shift();
      if (chunk === undefined) throw new Error('it is cut short');
      this.#last = chunk;
      this.#taken += chunk.length;
      return chunk;
    });
    return this.#bits;
  }

  /** The chunk that bits are read of, and the bytes up to its end. */
  #last: Uint8Array = new Uint8Array(0);
  #taken = 0;

  /** Waits for so many bytes that are not read yet, or the end. */
  async fill(size: number): Promise<void> {
    while (!this.#ended && this.#received - this.#read < size) {
      const { value, done } = await this.#chunks.next();
      if (done) this.#ended = true;
      else if (value.length > 0) {
        this.#queue.push(value);
        this.#received += value.length;
      }
    }
  }

  /** True where the next bytes begin a stream. */
  async hasStream(): Promise<boolean> {
    await this.fill(4);
    const rest = [this.#last.subarray(this.#last.length - (this.#taken - this.#read)), ...this.#queue];
    const [b, z, h, level] = rest.flatMap((part) => [...part.subarray(0, 4)]);
    return b === 0x42 && z === 0x5a && h === 0x68 && level! >= 0x31 && level! <= 0x39;
  }

  get #read(): number {
    return this.#bits?.bytesRead ?? 0;
  }
}

/** Bytes that come one by one. */
class Growing {
  #bytes: Uint8Array;
  #length = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  readonly push = (byte: number): void => {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  };

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
