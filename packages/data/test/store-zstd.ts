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
