import { CheckpointError, ConfigError, InputError, type PairBatch } from '@diptych/core';
import { assembleBatches, type DecodedBatch, type SpareRow } from './assemble.js';
import { DataError } from './data-error.js';
import { type DecodeParts, givesBytes } from './decode-rows.js';
import { collectLabelNames, LabelEncoder, type LabelNames, unknownLabel } from './label-batch.js';
import { type DataLoaderOptions, type LoaderSettings, resolveOptions } from './loader-options.js';
import { checkState, type LoaderState, settingsOf } from './loader-state.js';
import { prefetch } from './prefetch.js';
import { Quarantine, type QuarantineCounts } from './quarantine.js';
import type { PairRecord } from './record.js';
import { RowDecoder } from './row-decoder.js';
import { type PlannedBatch, type PlannedRow, planBatches } from './sampling/plan.js';
import { toRows } from './sampling/rows.js';
import { tokenLengths } from './sampling/token-lengths.js';
import { orderedRead } from './shuffle.js';
import { type PairSource, plainRead } from './source.js';

/** What an epoch came to so far. */
export interface LoaderStats {
  readonly epoch: number;
  readonly batches: number;
  readonly pairs: number;
  /** Items that were passed over, and why. */
  readonly bad: QuarantineCounts;
  /** Worker threads that died and were replaced, over all epochs. */
  readonly workerDeaths: number;
}

/**
 * Batches of pairs from a source, decoded, transformed, tokenized and padded: in this thread or in workers, some
 * batches ahead of the reader. The same seed and epoch give the same batches whatever the number of workers, also after
 * a resumption in mid-epoch.
 *
 * ```js
 * const loader = new DataLoader(source, { transform, tokenizer, batchSize: 256, shuffle: true, dropLast: true });
 * for await (const batch of loader.epoch(0)) train(batch);
 * ```
 */
export class DataLoader {
  readonly source: PairSource;
  /** As they were given. */
  readonly #given: DataLoaderOptions;
  readonly #options: LoaderSettings;
  readonly #quarantine: Quarantine;
  readonly #imageKeys = new Map<number, string>();
  readonly #decoder: RowDecoder;
  #state: LoaderState;
  #resumed: LoaderState | undefined;
  #pairs = 0;
  #records = 0;
  #labelNames: LabelNames | undefined;
  #running = false;
  /** The source's fingerprint, once it was asked for. */
  #content: string | undefined;

  /** @throws ConfigError if options are out of range, or workers are asked for with parts that cannot travel */
  constructor(source: PairSource, options: DataLoaderOptions) {
    this.source = source;
    this.#options = resolveOptions(source, options);
    this.#given = options;
    this.#labelNames = options.labels;
    this.#quarantine = new Quarantine(options);
    this.#decoder = new RowDecoder(this.#options);
    this.#state = this.#stateAt(0, 0, 0, []);
  }

  /** Pairs of the source, where that is known without reading. */
  get size(): number | undefined {
    return this.source.size;
  }

  /** Batches of an epoch where the source's size is known, bad items not considered. */
  get batchesPerEpoch(): number | undefined {
    if (this.source.size === undefined || this.#options.captions === 'all') return undefined;
    const { batchSize, dropLast, reader, ranks } = this.#options;
    const { index, count } = reader;
    const mine = Math.ceil((this.source.size - index) / count);
    const whole = Math.floor(mine / batchSize);
    const isLastOne = mine % batchSize >= (dropLast ? batchSize : (ranks?.size ?? 1));
    return isLastOne ? whole + 1 : whole;
  }

  /** Counts of the running or last epoch. */
  get stats(): LoaderStats {
    const { epoch, batches } = this.#state;
    const bad = this.#quarantine.counts;
    return { epoch, batches, pairs: this.#pairs, bad, workerDeaths: this.#decoder.deaths };
  }

  /** Names of the columns of labels in its batches: those that the source declares. */
  get labels(): readonly string[] {
    return Object.keys(this.source.labels ?? {});
  }

  /**
   * The names of the classes of the source's labels, in the order of their numbers in batches: as the options say, or a
   * resumed state, else those in the source. Empty where it has no labels.
   */
  async labelNames(): Promise<LabelNames> {
    const { labels = {} } = this.source;
    const isKnown = Object.entries(labels).every(
      ([label, kind]) => kind === 'number' || this.#labelNames?.[label] !== undefined,
    );
    if (!isKnown) {
      const found = await collectLabelNames(this.source.read(plainRead(() => {})), labels);
      this.#labelNames = { ...found, ...this.#labelNames };
    }
    return this.#labelNames ?? {};
  }

  /** What makes pixels and token ids of pictures and captions: a trainer keeps it with its checkpoints. */
  inputs(): Pick<DecodeParts, 'transform' | 'tokenizer' | 'tokenize'> {
    const { transform, tokenizer, tokenize } = this.#options;
    return { transform, tokenizer, tokenize };
  }

  /**
   * What the source holds; see `PairSource.fingerprint`. Undefined where the source cannot tell. Once it was asked for, states hold
   * it, and a loader that goes on from one checks that it reads the same.
   */
  async fingerprint(): Promise<string | undefined> {
    this.#content = await this.source.fingerprint?.();
    return this.#content;
  }

  /** Where the loader stands after the last batch that it gave out. */
  state(): LoaderState {
    return this.#state;
  }

  /**
   * Makes the next `epoch(state.epoch)` go on after the state's last batch. Records up to there are read again, but
   * no image is decoded.
   *
   * @throws CheckpointError if the state is damaged or belongs to other options
   */
  resume(state: unknown): void {
    this.#resumed = checkState(state, settingsOf(this.source, this.#options));
    this.#labelNames = this.#resumed.labels ?? this.#labelNames;
    this.#state = this.#resumed;
  }

  /**
   * Takes back a batch of this loader that nobody reads any more: a later one may be decoded into its memory. Trainers call
   * it after each step. Without it, batches stay as they are.
   */
  recycle({ pixels }: PairBatch): void {
    this.#decoder.takeBack(pixels.data);
  }

  /**
   * The batches of an epoch. Leaving the loop early stops reading and decoding.
   *
   * @throws DataError for the first bad item with `strict`
   * @throws InputError if nothing, or next to nothing, of the source can be used
   * @throws CheckpointError after `resume` with the state of another epoch, or of a source that held something else
   * @throws ConfigError if another epoch of this loader is still being read, or duplicates leave no batch
   */
  async *epoch(epoch = 0): AsyncGenerator<PairBatch, void, undefined> {
    if (this.#running) {
      throw new ConfigError({
        where: 'data.DataLoader.epoch',
        expected: 'one epoch at a time',
        got: 'a second one before the first ended',
        remedy: 'finish or leave the first loop, or make a second loader',
      });
    }
    const from = this.#resumed;
    if (from && from.epoch !== epoch) {
      throw new CheckpointError({
        where: 'data.DataLoader.epoch',
        expected: `epoch(${from.epoch}), where the resumed state stands`,
        got: `epoch(${epoch})`,
        remedy: 'go on with state.epoch; for another epoch leave resume() out',
      });
    }
    if (from?.content !== undefined) await this.#checkContent(from.content);
    this.#resumed = undefined;
    this.#running = true;
    this.#pairs = 0;
    this.#records = 0;
    this.#quarantine.startEpoch(epoch);
    const stop = new AbortController();
    try {
      const { labels: kinds } = this.source;
      const labels = kinds && new LabelEncoder(kinds, await this.labelNames());
      this.#state = from ?? this.#stateAt(epoch, 0, 0, []);
      const plan = this.#plan(epoch, from, labels, stop.signal);
      const spares = from ? await this.#replay(plan, from) : [];
      const { batchSize, ranks, transform, tokenizer, dropLast, tokenize, output } = this.#options;
      const decoded = prefetch(plan, (planned) => this.#decoder.decode(planned), this.#options.prefetch);
      let batches = from?.batches ?? 0;
      let planned = from?.planned ?? 0;
      const assembled = assembleBatches(this.#counted(decoded, stop), {
        batchSize,
        dropLast,
        keepGaps: ranks !== undefined,
        imageShape: transform.outputShape,
        normalize: output === 'uint8' && givesBytes(transform) ? transform.normalization : undefined,
        tokenize: (texts) => tokenizer.encode(texts, tokenize),
        labels,
        spares,
        planned,
      });
      for await (const { batch, state } of assembled) {
        batches++;
        if (batch.size === 0) throw this.#noShare(batches);
        planned = state.planned;
        this.#pairs += batch.size;
        this.#state = this.#stateAt(epoch, batches, planned, state.spares);
        this.#decoder.give(batch.pixels.data);
        let left = true;
        try {
          yield batch;
          left = false;
        } finally {
          // Before anything else is closed: a download that stalls would hold that up.
          if (left) stop.abort();
        }
      }
      if (batches === 0) this.#explainEmpty();
    } finally {
      stop.abort();
      this.#running = false;
    }
  }

  /**
   * Every usable row once, in the source's order, without augmentation, the last batch as short as it is: what evaluation reads,
   * whatever the options say of `shuffle`, `training`, `dropLast`, `unique` and `bucketByLength`. Bad items go to `onBad`.
   */
  async *inOrder(): AsyncGenerator<PairBatch, void, undefined> {
    const { captions } = this.#options;
    const loader = new DataLoader(this.source, {
      ...this.#given,
      shuffle: false,
      ranks: undefined,
      training: false,
      dropLast: false,
      unique: false,
      bucketByLength: false,
      captions: captions === 'random' ? 'first' : captions,
      labels: this.source.labels && (await this.labelNames()),
      cache: undefined,
      quarantine: false,
    });
    try {
      yield* loader.epoch(0);
    } finally {
      await loader.close();
    }
  }

  /** Ends the worker threads. The loader can be used again; it then starts new ones. */
  async close(): Promise<void> {
    await this.#decoder.close();
  }

  #plan(
    epoch: number,
    from: LoaderState | undefined,
    labels: LabelEncoder | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<PlannedBatch> {
    const { seed, shuffle, training, unique, buffer, window, lengthOf, batchSize, reader } = this.#options;
    let quiet = from !== undefined && from.planned > 0;
    // What was rejected before the resumption was noted then.
    const reject = (error: DataError) => (quiet ? undefined : this.#quarantine.reject(error));
    const records = orderedRead(this.source, { seed, epoch, shuffle, buffer, shard: reader, signal, reject });
    const rows = toRows(this.#usable(records, labels, reject), {
      training,
      seed,
      epoch,
      captions: this.#options.captions,
      unique,
      maxImageBytes: this.#options.maxImageBytes,
      imageKeys: this.#imageKeys,
    });
    const plan = planBatches(rows, {
      batchSize,
      window,
      lengthsOf: this.#options.bucketByLength
        ? (texts) => (lengthOf ? texts.map(lengthOf) : tokenLengths(texts, this.#options))
        : undefined,
      shuffle,
      seed,
      epoch,
      maxHeldBytes: buffer.bytes,
    });
    const { ranks, dropLast } = this.#options;
    return (async function* () {
      for await (const batch of plan) {
        if (from && batch.number >= from.planned - 1) quiet = false;
        if (!ranks) yield batch;
        else if (batch.rows.length >= (dropLast ? batchSize : ranks.size)) yield shareOf(batch, ranks);
      }
    })();
  }

  /** Counts records, and rejects those whose labels have no number. */
  async *#usable(
    records: AsyncIterable<PairRecord>,
    labels: LabelEncoder | undefined,
    reject: (error: DataError) => void,
  ): AsyncGenerator<PairRecord> {
    for await (const record of records) {
      this.#records++;
      const unknown = labels?.unknown(record.labels);
      if (unknown === undefined) {
        yield record;
        continue;
      }
      reject(unknownLabel(record.origin, unknown, labels!.names));
    }
  }

  /** Runs the plan up to where the state was taken; decodes only the rows that were waiting then. */
  async #replay(plan: AsyncGenerator<PlannedBatch>, { planned, spares }: LoaderState): Promise<SpareRow[]> {
    const waiting = new Map<string, PlannedRow>();
    const wanted = new Set(spares.map(([batch]) => batch));
    for (let number = 0; number < planned; number++) {
      const { value, done } = await plan.next();
      if (done) {
        throw new InputError({
          where: this.#where,
          expected: `at least ${planned} batches, as when the state was saved`,
          got: String(number),
          remedy: 'the source has changed: start the epoch anew without resume()',
        });
      }
      if (wanted.has(number))
        for (const [row, content] of value.rows.entries()) waiting.set(`${number},${row}`, content);
    }
    if (spares.length === 0) return [];
    const rows = spares.map(([batch, row]) => waiting.get(`${batch},${row}`)).filter((row) => row !== undefined);
    const { result } = await this.#decoder.decode({ number: -1, rows });
    const { rowSize } = this.#decoder;
    const failed = new Set(result.failures.map(({ row }) => row));
    return rows.flatMap((row, i) => {
      const place = spares[i]!;
      return failed.has(i) ? [] : [{ place, row, pixels: result.pixels.subarray(i * rowSize, (i + 1) * rowSize) }];
    });
  }

  /** Rejects the rows that failed, in the order of the batches, and stops where nearly all do. */
  async *#counted(decoded: AsyncIterable<DecodedBatch>, stop: AbortController): AsyncGenerator<DecodedBatch> {
    const { maxBadFraction } = this.#options;
    let seen = 0;
    for await (const batch of decoded) {
      const { planned, result } = batch;
      try {
        for (const { row, reason, parts } of result.failures) {
          this.#quarantine.reject(new DataError(reason, planned.rows[row]!.record.origin, parts));
        }
        seen += planned.rows.length - result.failures.length;
        const bad = this.#quarantine.counts.total;
        if (bad + seen >= ENOUGH_TO_JUDGE && bad / (bad + seen) > maxBadFraction) {
          throw this.#quarantine.mostlyBad(this.#where, `${bad} of ${bad + seen} items cannot be used`);
        }
      } catch (error) {
        stop.abort();
        throw error;
      }
      yield batch;
    }
  }

  get #where(): string {
    return `data.DataLoader(${this.source.name})`;
  }

  #explainEmpty(): void {
    const { total } = this.#quarantine.counts;
    if (total > 0)
      throw this.#quarantine.mostlyBad(this.#where, `no batch could be made; ${total} items cannot be used`);
    const { batchSize, reader } = this.#options;
    // One reader of several may find nothing in its part.
    if (reader.count > 1) return;
    throw new InputError({
      where: this.#where,
      expected: this.#records === 0 ? 'pairs' : `at least ${batchSize} pairs, a whole batch`,
      got: this.#records === 0 ? 'none: the source is empty' : String(this.#records),
      remedy: this.#records === 0 ? 'check the source with inspect(source)' : 'lower batchSize, or leave dropLast out',
    });
  }

  /** The other processes have rows of this batch, and would wait for this one. */
  #noShare(batch: number): InputError {
    const { ranks } = this.#options;
    const problem = `batch ${batch} has no row for rank ${ranks?.rank} of ${ranks?.size} that can be used`;
    return this.#quarantine.mostlyBad(this.#where, problem);
  }

  /** @throws CheckpointError if the source holds something else than that of a resumed state */
  async #checkContent(saved: string): Promise<void> {
    const now = this.#content ?? (await this.fingerprint());
    if (now === undefined || now === saved) return;
    throw new CheckpointError({
      where: this.#where,
      expected: `a source with the fingerprint ${saved}`,
      got: now,
      remedy: 'resume with the data of the saved run, or start the epoch anew without resume()',
    });
  }

  #stateAt(epoch: number, batches: number, planned: number, spares: LoaderState['spares']): LoaderState {
    const labels = this.source.labels && this.#labelNames;
    return {
      version: 1,
      settings: settingsOf(this.source, this.#options),
      ...(this.#content !== undefined && { content: this.#content }),
      ...(labels && { labels }),
      epoch,
      batches,
      planned,
      spares,
    };
  }
}

/** Below this number of items, a share of bad ones says little. */
const ENOUGH_TO_JUDGE = 256;

/** The rows of a batch that are a rank's, next to each other. */
function shareOf({ number, rows }: PlannedBatch, { rank, size }: { rank: number; size: number }): PlannedBatch {
  const bound = (of: number) => Math.floor((of * rows.length) / size);
  return { number, rows: rows.slice(bound(rank), bound(rank + 1)) };
}
