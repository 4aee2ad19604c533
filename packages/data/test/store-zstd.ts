/** A zstd stream of uncompressed blocks (RFC 8878), as Node has no compressor before 22.15. */
export function storeZstd(bytes: Uint8Array, blockSize = 1000): Buffer {
  // Magic number; no content size, no checksum; a window of 128 KiB.
  const parts: Uint8Array[] = [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38)];
  const blocks = Math.max(1, Math.ceil(bytes.length / blockSize));
  for (let i = 0; i < blocks; i++) {
    const block = bytes.subarray(i * blockSize, (i + 1) * blockSize);
    const header = (block.length << 3) | (i === blocks - 1 ? 1 : 0);
    parts.push(Uint8Array.of(header & 255, (header >> 8) & 255, header >> 16), block);
  }
  return Buffer.concat(parts);
}

/** A zstd stream of a few kilobytes: some bytes, then as many mebibytes of one letter as asked for. */
export function bombZstd(bytes: Uint8Array, mebibytes: number): Buffer {
  const blocks = mebibytes * 8;
  const repeated = Buffer.alloc(blocks * 4);
  for (let i = 0; i < blocks; i++) {
    repeated.writeUIntLE(((2 ** 17) << 3) | (1 << 1) | (i === blocks - 1 ? 1 : 0), i * 4, 3);
    repeated.write('x', i * 4 + 3);
  }
  const first = Uint8Array.of((bytes.length << 3) & 255, bytes.length >> 5, bytes.length >> 13);
  return Buffer.concat([Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38), first, bytes, repeated]);
}
