/** One bit a row. */
export function newBits(rows: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(Math.ceil(rows / 8)));
}

/** All rows, and no bit beyond them. */
export function allBits(rows: number): Uint8Array {
  const bits = newBits(rows).fill(255);
  if (rows % 8 > 0) bits[bits.length - 1] = (1 << (rows % 8)) - 1;
  return bits;
}

export function copyBits(bits: Uint8Array): Uint8Array {
  const copy = newBits(bits.length * 8);
  copy.set(bits);
  return copy;
}

export function hasBit(bits: Uint8Array, row: number): boolean {
  return (bits[row >> 3]! & (1 << (row & 7))) !== 0;
}

export function setBit(bits: Uint8Array, row: number): void {
  bits[row >> 3]! |= 1 << (row & 7);
}

export function clearBit(bits: Uint8Array, row: number): void {
  bits[row >> 3]! &= ~(1 << (row & 7));
}

export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) {
    const pairs = byte - ((byte >> 1) & 0x55);
    const fours = (pairs & 0x33) + ((pairs >> 2) & 0x33);
    count += (fours + (fours >> 4)) & 15;
  }
  return count;
}

/** Rows of both. */
export function bothBits(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = newBits(a.length * 8);
  for (let i = 0; i < both.length; i++) both[i] = a[i]! & b[i]!;
  return both;
}
