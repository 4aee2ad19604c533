import { utf8Bytes } from '../../bytes.js';

/** GPT-2's character for each byte: printable Latin-1 stands for itself, the rest is moved to U+0100 and on. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  let moved = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const stays = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(stays ? byte : 256 + moved++);
  });
})();

/** The UTF-8 bytes of a text, a character a byte. */
export function bytesAsCharacters(text: string): string {
  let result = '';
  for (const byte of utf8Bytes(text)) result += BYTE_CHARACTERS[byte];
  return result;
}
