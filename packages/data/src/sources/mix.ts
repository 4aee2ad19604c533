import { ConfigError, SampleRandom, siteOf } from '@diptych/core';
import type { PairRecord } from '../record.js';
import { orderedRead } from '../shuffle.js';
import type { PairSource, ReadContext } from '../source.js';

/** One part of a {@link mix}. */
export interface MixPart {
  readonly source: PairSource;
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
}

/**
 * Draws each pair from one of several sources, by weight and seed. Each source comes in its own (shuffled) order.
 *
 * @param options.until an epoch ends when the `first` source is used up (by default), or when `all` were once: shorter
 *   ones then start again, in another order and with other random transforms
 * @throws ConfigError without parts, or for a weight that is not positive
 */
export function mix(parts: readonly MixPart[], { until = 'first' }: { until?: 'first' | 'all' } = {}): PairSource {
  if (parts.length === 0) throw new ConfigError({ where: 'data.mix', expected: 'at least one source', got: 'none' });
  for (const { source, weight } of parts) {
    if (weight > 0 && Number.isFinite(weight)) continue;
    throw new ConfigError({
      where: 'data.mix',
      expected: `a positive weight of ${source.name}`,
      got: String(weight),
      remedy: 'leave the source out',
    });
  }
  const name = `mix(${parts.map(({ source, weight }) => `${weight} ${source.name}`).join(', ')})`;
  return {
    name,
    // Its parts are shuffled inside, each through a buffer of its own where it needs one.
    shufflesFully: true,
    async *read(context: ReadContext) {
      const { seed, epoch } = context;
      const random = new SampleRandom({ training: true, seed, epoch, item: 0 }, siteOf('data/mix'));
      const readers = parts.map((part, index) => new PartReader(part, index, parts.length, context));
      try {
        while (readers.some(({ exhausted }) => !exhausted) || until === 'first') {
          const reader = draw(readers, random);
          if (!reader) return;
          const record = await reader.next(
            until === 'all' && readers.some((other) => other !== reader && !other.exhausted),
          );
          if (record) yield record;
          else if (until === 'first') return;
        }
      } finally {
        await Promise.all(readers.map((reader) => reader.close()));
      }
    },
  };
}

function draw(readers: readonly PartReader[], random: SampleRandom): PartReader | undefined {
  const total = readers.reduce((sum, { weight }) => sum + weight, 0);
  let place = random.uniform(0, total);
  for (const reader of readers) {
    place -= reader.weight;
    if (place < 0) return reader;
  }
  return readers.findLast(({ weight }) => weight > 0);
}

/** Reads one source of a mix over and over. */
class PartReader {
  weight: number;
  /** Was read to its end at least once. */
  exhausted = false;
  #pass = 0;
  #given = 0;
  #records: AsyncIterator<PairRecord>;
  readonly #source: PairSource;
  readonly #index: number;
  readonly #count: number;
  readonly #context: ReadContext;

  constructor({ source, weight }: MixPart, index: number, count: number, context: ReadContext) {
    this.weight = weight;
    this.#source = source;
    this.#index = index;
    this.#count = count;
    this.#context = context;
    this.#records = this.#open();
  }

  /** The next record, with `repeat` from the start again; undefined at the end, and where a source gives nothing. */
  async next(repeat: boolean): Promise<PairRecord | undefined> {
    for (;;) {
      const { value, done } = await this.#records.next();
      if (!done) {
        this.#given++;
        return this.#mark(value);
      }
      this.exhausted = true;
      if (!repeat || this.#given === 0) {
        this.weight = 0;
        return undefined;
      }
      this.#given = 0;
      this.#pass++;
      this.#records = this.#open();
    }
  }

  async close(): Promise<void> {
    await this.#records.return?.();
  }

  #open(): AsyncIterator<PairRecord> {
    const { epoch, reject } = this.#context;
    const context = {
      ...this.#context,
      epoch: epoch + this.#pass * PASS_STRIDE,
      // What the first pass rejected would only be counted again.
      reject: this.#pass === 0 ? reject : () => {},
    };
    return orderedRead(this.#source, context)[Symbol.asyncIterator]();
  }

  /** Numbers and ids that differ between the sources. */
  #mark(record: PairRecord): PairRecord {
    return {
      ...record,
      id: `${this.#index}/${record.id}`,
      item: record.item * this.#count + this.#index,
      pass: this.#pass,
    };
  }
}

/** A repetition is shuffled as an epoch far away. */
const PASS_STRIDE = 2 ** 20;
