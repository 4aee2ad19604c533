import type { ImageTransform, PairBatch, TokenizeOptions, Tokenizer } from '@diptych/core';

/** What made a source's batches of files and captions. */
export interface BatchInputs {
  readonly transform: ImageTransform;
  readonly tokenizer: Tokenizer;
  readonly tokenize: TokenizeOptions;
}

/**
 * Where batches come from: `DataLoader` of `@diptych/data`, or any object like it.
 *
 * Two iterations of one epoch must give the same batches, or a resumed run goes on with other data.
 */
export interface BatchSource {
  /** The batches of epoch n (from 0). */
  epoch(n: number): AsyncIterable<PairBatch> | Iterable<PairBatch>;
  /**
   * Every row once, in the source's own order, none dropped and none augmented: what evaluation and embedding read. Without it they
   * read `epoch(0)`.
   */
  inOrder?(): AsyncIterable<PairBatch> | Iterable<PairBatch>;
  /** Number of batches of an epoch, where it is known: for the ETA. */
  readonly batchesPerEpoch?: number | undefined;
  /** Names of the columns of labels in its batches, where they are known: a loss without its labels is refused before the first batch. */
  readonly labels?: readonly string[] | undefined;
  /** Where it stands after the last batch that it gave, as plain JSON. */
  state?(): unknown;
  /** Makes the next `epoch` of that state go on after it. Without it, a resumed run skips the batches that it has had. */
  resume?(state: unknown): void | Promise<void>;
  /**
   * A digest of what its items are, whatever file they lie in: a run that is resumed on other content is refused. Asked for
   * once, before the first step of a run with checkpoints.
   */
  fingerprint?(): Promise<string | undefined>;
  /** Takes back a batch that was trained on. The source may write a later batch to its memory: nobody reads it any more. */
  recycle?(batch: PairBatch): void;
  /** What made the batches: kept with checkpoints, so that a run's folder can be loaded as a model. */
  inputs?(): BatchInputs;
}
