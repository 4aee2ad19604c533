/** Retrieval in one direction over all held-out pairs. */
export interface RetrievalFigures {
  readonly 'recall@1': number;
  readonly 'recall@5': number;
  readonly 'recall@10': number;
  readonly medianRank: number;
}

/** What `metrics.json` holds. */
export interface MetricsFile {
  readonly textToImage: RetrievalFigures;
  readonly imageToText: RetrievalFigures;
  /** Share of held-out pictures whose own caption the matcher scores above the towers' best wrong one. */
  readonly matching: { readonly accuracy: number; readonly shuffled: number };
  /** Text to image, the 50 best by cosine ordered anew by `scale * cosine + match logit`. */
  readonly rerank: { readonly 'recall@1': number };
  /** The same recalls for an order drawn at random. */
  readonly chance: { readonly 'recall@1': number; readonly 'recall@5': number; readonly 'recall@10': number };
  readonly candidates: number;
  readonly seconds: number;
  readonly peakRssMiB: number;
  readonly seed: number;
  readonly split: string;
}
