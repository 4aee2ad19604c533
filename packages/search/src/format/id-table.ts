/**
 * 32 bits of an id (FNV-1a over UTF-16 units, finished as MurmurHash3 does). Rows with equal hashes are told apart by their ids.
 */
export function hashOfId(id: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** 64 bits of an id, for graphs that name rows by numbers; the upper half is {@link hashOfId}. */
export function keyOfId(id: string): bigint {
  return (BigInt(hashOfId(id)) << 32n) | BigInt(hashOfId(id, 0x9747b28c));
}

/** Hashes in order, with the row of each. */
export interface IdTable {
  readonly hashes: Uint32Array;
  readonly rows: Uint32Array;
}

export function makeIdTable(ids: readonly string[]): IdTable {
  // hash and row in one number, which sorts without a comparison function
  const keys = Float64Array.from(ids, (id, row) => hashOfId(id) * 2 ** 21 + row).sort();
  return {
    hashes: Uint32Array.from(keys, (key) => Math.floor(key / 2 ** 21)),
    rows: Uint32Array.from(keys, (key) => key % 2 ** 21),
  };
}

/** Rows whose id has this hash. */
export function rowsWithHash({ hashes, rows }: IdTable, hash: number): Uint32Array {
  let low = 0;
  for (let high = hashes.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (hashes[middle]! < hash) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < hashes.length && hashes[end] === hash) end++;
  return rows.subarray(low, end);
}
