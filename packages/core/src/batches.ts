/** Pixels of a batch on the host, channels last: float32 as a network wants them, or uint8 to be normalised on the device. */
export interface PixelBatch {
  readonly data: Float32Array | Uint8Array;
  /** [B, height, width, channels]. */
  readonly shape: readonly [number, number, number, number];
  /** With uint8 data: what the device still has to do, `(x / 255 - mean) / std` per channel. */
  readonly normalize?: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

/** Token ids of a batch on the host. All arrays are [B, length], row by row. */
export interface TokenBatch {
  readonly shape: readonly [number, number];
  readonly inputIds: Int32Array;
  /** 1 for a real token, 0 for padding. */
  readonly attentionMask: Int32Array;
  readonly tokenTypeIds?: Int32Array;
  /** Vectors that a frozen text tower gave before, float32 [B, features.length / B], for a head that trains on them. */
  readonly features?: Float32Array;
}

/** A batch of pairs on the host, as a data loader gives it: row i of every part belongs to pair i. */
export interface PairBatch {
  readonly size: number;
  readonly pixels: PixelBatch;
  readonly tokens: TokenBatch;
  /** Identity of each pair's positives: pairs with equal ids match each other. Unique where nothing else is known. */
  readonly ids: readonly string[];
  /** Pictures and texts that stand against the pairs without being pairs, for losses that contrast. */
  readonly negatives?: NegativeBatch;
}

/**
 * Hard negatives of a batch, pictures, texts or both, as many as one likes. A row's id says what it is of: it does not stand against pairs
 * with that id.
 */
export interface NegativeBatch {
  readonly images?: { readonly pixels: PixelBatch; readonly ids: readonly string[] };
  readonly texts?: { readonly tokens: TokenBatch; readonly ids: readonly string[] };
}
