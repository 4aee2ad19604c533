import { checkDtype, checkShape, ShapeError, type TextInput } from '@diptych/core';

/**
 * Checks ids and mask of a batch.
 *
 * @param maxLength longest row that the encoder has positions for
 * @returns [batch, length]
 * @throws ShapeError if they are not int32 [B, T] of one size, or longer than maxLength
 */
export function checkTokens(where: string, input: TextInput, maxLength = Number.POSITIVE_INFINITY): [number, number] {
  checkShape(where, 'inputIds', input.inputIds, ['B', 'T']);
  const [batch, length] = input.inputIds.shape;
  for (const what of ['inputIds', 'attentionMask', 'tokenTypeIds'] as const) {
    const tensor = input[what];
    if (!tensor) continue;
    checkShape(where, what, tensor, [batch, length]);
    checkDtype(where, what, tensor, 'int32');
  }
  if (length > maxLength) {
    throw new ShapeError({
      where,
      expected: `at most ${maxLength} tokens, as many as it has position embeddings`,
      got: String(length),
      remedy: `cut the texts: tokenizer.encode(texts, { maxLength: ${maxLength}, truncation: true })`,
    });
  }
  return [batch, length];
}
