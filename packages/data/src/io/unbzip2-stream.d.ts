// The decoder inside unbzip2-stream 1.4, whose package has no types. compression.test.ts names the version.

declare module 'unbzip2-stream/lib/bit_iterator.js' {
  interface BitReader {
    /** Reads so many bits; null goes on to the next byte. */
    (count: number | null): number;
    readonly bytesRead: number;
  }
  export default function bitIterator(nextBuffer: () => Uint8Array): BitReader;
}

declare module 'unbzip2-stream/lib/bzip2.js' {
  import type bitIterator from 'unbzip2-stream/lib/bit_iterator.js';

  type BitReader = ReturnType<typeof bitIterator>;
  const bzip2: {
    /** Reads a stream's header: its level, 1 to 9. */
    header(bits: BitReader): number;
    /**
     * Decodes a block.
     *
     * @returns the checksum so far; null at the end of a stream
     */
    decompress(
      bits: BitReader,
      push: (byte: number) => void,
      buffer: Int32Array,
      size: number,
      checksum: number,
    ): number | null;
  };
  export default bzip2;
}
