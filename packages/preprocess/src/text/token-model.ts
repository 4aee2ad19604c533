/** The part of a tokenizer that knows texts and ids, but nothing of special tokens around them, truncation and padding. */
export interface TokenModel {
  readonly vocabSize: number;
  /**
   * Ids of a text without the special tokens that frame it.
   *
   * @param limit how many ids are wanted; more may come, fewer only at the text's end. A long text is not read further
   */
  ids(text: string, limit: number): readonly number[];
  /** Text of ids. */
  decode(ids: readonly number[], skipSpecialTokens: boolean): string;
  /** Id of a token; undefined if the vocabulary does not have it. */
  tokenToId(token: string): number | undefined;
  /** Token of an id. */
  idToToken(id: number): string | undefined;
}
