import type { MatrixData } from '@diptych/core';
import type { WordAttention } from 'diptych';

/** What makes vectors: a `JointModel` of diptych, or something of your own, such as a client of another server. */
export interface Embedder {
  /** D, the width of vectors. */
  readonly embedDim: number;
  /** @returns [N, D] */
  embedText(texts: readonly string[]): Promise<MatrixData>;
  /**
   * @param images encoded: JPEG, PNG, WebP, …
   * @returns [N, D]
   * @throws InputError for a picture that cannot be read
   */
  embedImages(images: readonly Uint8Array[]): Promise<MatrixData>;
  /** Logits of picture i with text i, where the model has a matcher. */
  matchLogits?(images: readonly Uint8Array[], texts: readonly string[]): Promise<Float32Array>;
  /** False where {@link attentionByWord} is there and has nothing to say, as in a `JointModel` whose fusion sees a picture as one vector. */
  readonly attendsByWord?: boolean;
  /** Where the model looks in a picture for each word of a text. */
  attentionByWord?(image: Uint8Array, text: string): Promise<WordAttention>;
}
