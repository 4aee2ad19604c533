import type { WordModel } from './word-model.js';

/** A vocabulary of whole words. A word that it lacks is the unknown token, or nothing where there is none. */
export class WordLevel implements WordModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly size: number;
  readonly unkTokenId: number | undefined;

  constructor(vocabulary: ReadonlyMap<string, number>, unkToken: string | undefined) {
    this.vocabulary = vocabulary;
    this.size = vocabulary.size;
    this.unkTokenId = unkToken === undefined ? undefined : vocabulary.get(unkToken);
  }

  word(text: string, ids: number[]): void {
    const id = this.vocabulary.get(text) ?? this.unkTokenId;
    if (id !== undefined) ids.push(id);
  }
}
