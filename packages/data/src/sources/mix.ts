import { createHash } from 'node:crypto';
import { ConfigError, checkOptions, type OptionNames, SampleRandom, siteOf } from '@diptych/core';
import { describe } from '../captions.js';
import type { LabelKind, LabelKinds } from '../labels.js';
import type { PairRecord } from '../record.js';
import { orderedRead } from '../shuffle.js';
import type { PairSource, ReadContext } from '../source.js';

/** One part of a {@link mix}. */
export interface MixPart {
  readonly source: PairSource;
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
}

/** Options of {@link mix}. */
export interface MixOptions {
  /**
   * An epoch ends when the `first` source is used up (by default), or when `all` were once: shorter ones then start again, in
   * another order and with other random transforms.
   */
  readonly until?: 'first' | 'all';
  /** Equal ids in different sources mean the same item. By default ids belong to their source. */
  readonly sharedIds?: boolean;
}

const OPTIONS: OptionNames<MixOptions> = { until: 'optional', sharedIds: 'optional' };

/**
 * Draws each pair from one of several sources, by weight and seed. Each source comes in its own (shuffled) order.
 *
 * @throws ConfigError without parts, for a weight that is not positive, or for parts that give one label in two kinds
 */
export function mix(parts: readonly MixPart[], options: MixOptions = {}): PairSource {
  checkOptions('data.mix', options, OPTIONS);
  const { until = 'first', sharedIds = false } = options;
  if (!Array.isArray(parts) || parts.some((part) => typeof part?.source?.read !== 'function')) {
    throw new ConfigError({ where: 'data.mix', expected: 'a list of { source, weight }', got: describe(parts) });
  }
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
  const labels = labelsOf(parts);
  const name = `mix(${parts.map(({ source, weight }) => `${weight} ${source.name}`).join(', ')})`;
  return {
    name,
    // Its parts are shuffled inside, each through a buffer of its own where it needs one.
    shufflesFully: true,
    ...(labels && { labels }),
    ...(parts.every(({ source }) => source.fingerprint) && { fingerprint: () => fingerprintOf(parts) }),
    async *read(context: ReadContext) {
      const { seed, epoch } = context;
      const random = new SampleRandom({ training: true, seed, epoch, item: 0 }, siteOf('data/mix'));
      const readers = parts.map((part, index) => new PartReader(part, index, parts.length, sharedIds, context));
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

function labelsOf(parts: readonly MixPart[]): LabelKinds | undefined {
  const all: Record<string, LabelKind> = {};
  for (const { source } of parts) {
    for (const [name, kind] of Object.entries(source.labels ?? {})) {
      if ((all[name] ?? kind) === kind) all[name] = kind;
      else {
        throw new ConfigError({
          where: 'data.mix',
          expected: `the label ${JSON.stringify(name)} to be of one kind`,
          got: `${all[name]} and ${kind}`,
          remedy: 'declare it alike in all parts',
        });
      }
    }
  }
  return Object.keys(all).length > 0 ? all : undefined;
}

async function fingerprintOf(parts: readonly MixPart[]): Promise<string> {
  const hash = createHash('sha256').update('mix');
  for (const { source, weight } of parts) hash.update(`\n${weight} ${await source.fingerprint?.()}`);
  return hash.digest('hex');
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

  readonly #sharedIds: boolean;

  constructor({ source, weight }: MixPart, index: number, count: number, sharedIds: boolean, context: ReadContext) {
    this.weight = weight;
    this.#source = source;
    this.#index = index;
    this.#count = count;
    this.#sharedIds = sharedIds;
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
      id: this.#sharedIds ? record.id : `${this.#index}/${record.id}`,
      item: record.item * this.#count + this.#index,
      pass: this.#pass,
    };
  }
}

/** A repetition is shuffled as an epoch far away. */
const PASS_STRIDE = 2 ** 20;
