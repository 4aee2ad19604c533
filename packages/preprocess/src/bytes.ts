// Bytes of texts and back, in Node by its Buffer, which is the fastest there, and in browsers by what they have.

/** Node's class; undefined in browsers. */
const NodeBuffer: typeof Buffer | undefined = globalThis.Buffer;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The UTF-8 bytes of a text. */
export function utf8Bytes(text: string): Uint8Array {
  return NodeBuffer ? NodeBuffer.from(text, 'utf8') : encoder.encode(text);
}

/** The text of UTF-8 bytes; what is no UTF-8 becomes U+FFFD. */
export function utf8Text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The bytes that base64 stands for. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (NodeBuffer) return NodeBuffer.from(text, 'base64') as Uint8Array<ArrayBuffer>;
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  if (NodeBuffer) return NodeBuffer.from(bytes).toString('base64');
  let characters = '';
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return btoa(characters);
}

/** Several pieces as one. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The same text, from parts of its own: a slice would keep the text that it was cut from in memory. */
export function ownText(text: string): string {
  if (NodeBuffer) return NodeBuffer.from(text, 'utf16le').toString('utf16le');
  return String.fromCharCode(...Array.from(text.split(''), (unit) => unit.charCodeAt(0)));
}
