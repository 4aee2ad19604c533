import koffi from 'koffi';

/** Memory of JavaScript's whose address can be handed to C: it does not move, and lives as long as it is referenced. */
export type HostMemory = ArrayBuffer | NodeJS.TypedArray;

/** Where memory lies. Its owner must keep it referenced for as long as C may read or write there. */
export function addressOf(memory: HostMemory): bigint {
  return koffi.address(memory);
}

/** A copy of bytes that C owns. */
export function copyOf(address: bigint, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length);
  if (length > 0) copy.set(new Uint8Array(koffi.view(address, length)));
  return copy;
}

/** Text that C owns, of a known length. */
export function textAt(address: bigint, length: number): string {
  return new TextDecoder().decode(copyOf(address, length));
}

/** Pointers that C owns. */
export function pointersAt(address: bigint, count: number): bigint[] {
  return Array.from(new BigUint64Array(copyOf(address, count * 8).buffer));
}

/** Whole numbers of 64 bits that C owns. */
export function integersAt(address: bigint, count: number): number[] {
  return Array.from(new BigInt64Array(copyOf(address, count * 8).buffer), Number);
}

/** Bytes of a text for C. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
