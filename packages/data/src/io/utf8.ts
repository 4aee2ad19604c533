/** Decodes UTF-8 without a byte order mark; undefined where the bytes are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Decodes UTF-8, or UTF-16 that begins with its byte order mark; undefined where the bytes are neither. */
export function decodeText(bytes: Uint8Array): string | undefined {
  const mark = bytes[0]! * 256 + bytes[1]!;
  if (mark !== 0xfffe && mark !== 0xfeff) return decodeUtf8(bytes);
  try {
    return new TextDecoder(mark === 0xfffe ? 'utf-16le' : 'utf-16be', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
