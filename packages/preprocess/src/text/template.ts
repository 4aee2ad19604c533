/** The special tokens that frame one text or a pair, and the segment number of each part. */
export interface TokenTemplate {
  readonly single: TemplateParts;
  readonly pair: PairTemplateParts;
}

/** Tokens around one text. */
export interface TemplateParts {
  readonly before: readonly TemplateToken[];
  readonly after: readonly TemplateToken[];
  /** Segment number of the text's own tokens. */
  readonly typeId: number;
}

/** Tokens around a pair. */
export interface PairTemplateParts extends TemplateParts {
  readonly between: readonly TemplateToken[];
  /** Segment number of the second text's tokens. */
  readonly secondTypeId: number;
}

/** A special token of a template. */
export interface TemplateToken {
  readonly id: number;
  readonly typeId: number;
}

/** BERT's: `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, segment 1 for B and its [SEP]. */
export function bertTemplate(cls: number, sep: number): TokenTemplate {
  const first = { id: cls, typeId: 0 };
  const separator = { id: sep, typeId: 0 };
  return {
    single: { before: [first], after: [separator], typeId: 0 },
    pair: { before: [first], between: [separator], after: [{ id: sep, typeId: 1 }], typeId: 0, secondTypeId: 1 },
  };
}

/** No special tokens. */
export const bareTemplate: TokenTemplate = {
  single: { before: [], after: [], typeId: 0 },
  pair: { before: [], between: [], after: [], typeId: 0, secondTypeId: 0 },
};
