import { CheckpointError, type Json, type PairBatch, siteOf, TrainingError } from '@diptych/core';
import type { BatchSource } from '../../batches/batch-source.js';
import { checkBatch } from '../../batches/check-batch.js';
import type { Ranks } from '../../distributed/ranks.js';
import type { SettingChange } from './run-settings.js';
import { refuseOther } from './snapshot.js';
import type { DataMark, Position } from './snapshot-format.js';

/** A run's place in its data: which epoch, how many batches of it are done, and of which data. */
export class DataPlace {
  /** Epochs completed. */
  epoch = 0;
  /** Batches of this epoch that were trained on. */
  batch = 0;
  readonly #vocabSize: number | undefined;
  readonly #ranks: Ranks;
  #mark: DataMark = {};
  #lastIds: readonly string[] | undefined;
  /** What the source said of its place when the resumed checkpoint was written. */
  #sourceState: unknown;
  /** True until the first batch after a resume. */
  #resumed = false;

  /**
   * @param vocabSize of the text tower, where it is known
   * @param ranks that share the batches
   */
  constructor(vocabSize: number | undefined, ranks: Ranks) {
    this.#vocabSize = vocabSize;
    this.#ranks = ranks;
  }

  /** For a checkpoint. */
  state(source: BatchSource | undefined): Pick<Position, 'epoch' | 'batch' | 'data' | 'source'> {
    const lastBatch = this.#lastIds ? markOf(this.#lastIds) : this.#mark.lastBatch;
    const data = { ...this.#mark, lastBatch };
    return { epoch: this.epoch, batch: this.batch, data, source: source?.state?.() as Json | undefined };
  }

  restore({ epoch, batch, data = {}, source }: Position): void {
    this.epoch = epoch;
    this.batch = batch;
    this.#mark = data;
    this.#lastIds = undefined;
    this.#sourceState = source;
    this.#resumed = true;
  }

  /** @throws CheckpointError if a resumed run would go on with other data */
  async identify(source: BatchSource): Promise<void> {
    const fingerprint = await source.fingerprint?.();
    const { fingerprint: saved } = this.#mark;
    if (saved !== undefined && fingerprint !== undefined) {
      refuseOther(`train.Trainer.fit: epoch ${this.epoch}`, 'data of the fingerprint', saved, fingerprint);
    }
    this.#mark = { ...this.#mark, fingerprint };
  }

  /**
   * The batches of this epoch that are still to be trained on.
   *
   * @param onChange hears that the batch size is another one than before a resume
   * @throws CheckpointError if the ones that a resumed run skips are not the ones that it was trained on
   * @throws TrainingError if there is none
   */
  async *batches(source: BatchSource, onChange: (change: SettingChange) => Promise<void>): AsyncGenerator<PairBatch> {
    const skip = await this.#bringBack(source);
    let seen = this.batch - skip;
    for await (const batch of source.epoch(this.epoch)) {
      seen++;
      checkBatch(batch, this.#where(seen), this.#vocabSize);
      if (seen <= skip) {
        await this.#checkSkipped(batch, seen, skip);
        continue;
      }
      if (seen === 1) await this.#noteBatchSize(await this.#ranks.sum(batch.size), onChange);
      this.#resumed = false;
      yield batch;
    }
    if (seen > 0) return;
    throw new TrainingError({
      where: `train.Trainer.fit: epoch ${this.epoch}`,
      expected: 'at least one batch',
      got: 'none',
      remedy: 'fewer pairs than the batch size, with dropLast? Make batchSize smaller',
    });
  }

  /** Counts a batch that was trained on, and gives it back to its source. */
  done(batch: PairBatch, source: BatchSource): void {
    this.batch++;
    this.#lastIds = this.#ranks.isAlone ? batch.ids : undefined;
    if (!this.#ranks.isAlone) this.#mark = { ...this.#mark, lastBatch: undefined };
    source.recycle?.(batch);
  }

  nextEpoch(): void {
    this.epoch++;
    this.batch = 0;
  }

  /** Takes a resumed source to its place. Returns how many batches to skip where it cannot go there by itself. */
  async #bringBack(source: BatchSource): Promise<number> {
    const state = this.#sourceState;
    this.#sourceState = undefined;
    if (this.batch === 0) return 0;
    if (state === undefined || !source.resume) return this.batch;
    await source.resume(state);
    return 0;
  }

  async #checkSkipped({ size, ids }: PairBatch, seen: number, skip: number): Promise<void> {
    if (!this.#resumed) return; // another call of fit may bring other data
    const { batchSize, lastBatch } = this.#mark;
    if (seen === 1 && batchSize !== undefined)
      refuseOther(this.#where(seen), 'batch size', batchSize, await this.#ranks.sum(size));
    // with several ranks this is a share of it
    if (seen < skip || lastBatch === undefined || !this.#ranks.isAlone || lastBatch === markOf(ids)) return;
    throw new CheckpointError({
      where: this.#where(seen),
      expected: 'the batch that the run saw there',
      got: 'another one',
      remedy: 'resume with the same source and order of items, or start a new run in another folder',
    });
  }

  async #noteBatchSize(now: number, onChange: (change: SettingChange) => Promise<void>): Promise<void> {
    const { batchSize: before } = this.#mark;
    this.#mark = { ...this.#mark, batchSize: now };
    if (this.#resumed && before !== undefined && before !== now) await onChange({ what: 'batchSize', before, now });
  }

  #where(batch: number): string {
    return `train.Trainer.fit: epoch ${this.epoch}, batch ${batch}`;
  }
}

/** A number for the pairs of a batch, in their order. */
function markOf(ids: readonly string[]): number {
  return siteOf(ids.join('\n'));
}
