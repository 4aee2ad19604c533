import type { TokenizeOptions, Tokenizer } from '@diptych/core';

/** Tokens of each text, padding left out: what batches are sorted by. */
export function tokenLengths(
  texts: readonly string[],
  { tokenizer, tokenize }: { readonly tokenizer: Tokenizer; readonly tokenize: TokenizeOptions },
): number[] {
  const { inputIds, attentionMask, shape } = tokenizer.encode(texts, { ...tokenize, padding: 'longest' });
  const [rows, length] = shape as [number, number];
  if (attentionMask.length !== inputIds.length) return new Array<number>(rows).fill(length);
  return Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let i = row * length; i < (row + 1) * length; i++) sum += attentionMask[i]!;
    return sum;
  });
}
