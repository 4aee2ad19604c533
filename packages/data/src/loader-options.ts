import {
  ConfigError,
  checkOptions,
  type ImageTransform,
  type OptionNames,
  type TokenizeOptions,
  type Tokenizer,
} from '@diptych/core';
import { describe } from './captions.js';
import type { PixelOutput } from './decode-rows.js';
import type { LabelNames } from './label-batch.js';
import { defaultMaxImageBytes } from './load-image.js';
import type { QuarantineOptions } from './quarantine.js';
import type { CaptionChoice, UniqueBy } from './sampling/rows.js';
import { type BufferLimits, defaultBuffer, type PairSource } from './source.js';

/** Sorting by length, so that batches hold captions of like length and little padding. */
export interface LengthBuckets {
  /** Batches that are sorted together; 50 by default. More saves padding, fewer keeps the order more random. */
  readonly window?: number;
  /** Length of a caption; by default the tokenizer's, special tokens included. */
  readonly lengthOf?: (text: string) => number;
}

/** Options of a `DataLoader`. */
export interface DataLoaderOptions extends QuarantineOptions, TokenizeOptions {
  readonly transform: ImageTransform;
  readonly tokenizer: Tokenizer;
  readonly batchSize: number;
  /** Order, captions and augmentations depend on (seed, epoch) alone; 0 by default. */
  readonly seed?: number;
  /** Shuffles: in-memory sources by a true permutation, streams by shards and a buffer. False by default. */
  readonly shuffle?: boolean;
  /** What the shuffle buffer of a stream may hold; 10,000 records or 128 MiB of images by default. */
  readonly buffer?: Partial<BufferLimits>;
  /** Random transforms draw; as `shuffle` by default. */
  readonly training?: boolean;
  /** Leaves out an epoch's last batch where it is short. */
  readonly dropLast?: boolean;
  /** Which caption of several; `random` in training, `first` else. */
  readonly captions?: CaptionChoice;
  /** No batch holds two equal captions or images: equal by path (`source`, or true) or by bytes (`content`). */
  readonly unique?: boolean | UniqueBy;
  /**
   * The names of the classes of the source's labels, in the order of their numbers: those of the training's loader
   * (`await loader.labelNames()`) for validation. By default the names in the source, sorted; a pass over it finds them
   * before the first batch.
   */
  readonly labels?: LabelNames;
  /** Puts captions of like length into a batch. */
  readonly bucketByLength?: boolean | LengthBuckets;
  /** Which part of the source this process reads, for several that train together; all by default. */
  readonly shard?: {
    readonly rank: number;
    readonly worldSize: number;
    /** For programs that read with several workers of their own in each rank. */
    readonly worker?: number;
    readonly workers?: number;
  };
  /**
   * Which share of every batch this process gets, of several that train together: a `Communicator` says it. `batchSize` counts
   * the rows of all shares, and order and state are of whole batches, so that a run can go on with another number of processes.
   * Rows that cannot be used leave a batch smaller, and a last batch of fewer rows than processes is left out.
   */
  readonly ranks?: { readonly rank: number; readonly size: number };
  /** Threads that decode and tokenize; 0 (default): this thread. The batches are the same for any number. */
  readonly workers?: number;
  /** Batches that are worked on ahead; 2, or two for each worker, by default. */
  readonly prefetch?: number;
  /**
   * `decoded` keeps decoded pictures in memory over epochs, for small sources of small pictures; random transforms
   * still draw anew. Needs a transform with `decode`.
   */
  readonly cache?: 'decoded' | false;
  /** Most bytes of decoded pictures that are kept; 512 MiB by default. Later pictures are decoded anew. */
  readonly cacheBytes?: number;
  /**
   * `uint8` keeps bytes, a quarter of the memory, and leaves `(x / 255 - mean) / std` to the device: needs a transform
   * with `intoBytes`, as those of @diptych/preprocess. `float32` by default.
   */
  readonly output?: PixelOutput;
  /** Largest encoded image in bytes; 256 MiB by default. */
  readonly maxImageBytes?: number;
  /** Share of bad items above which an epoch stops: something else is wrong then. 0.9 by default, from 256 items on. */
  readonly maxBadFraction?: number;
  /** Milliseconds a worker may take for a batch before it is replaced; 120,000 by default. */
  readonly taskTimeout?: number;
  /** The built worker script, where a bundler moved it away from this package's own place. */
  readonly workerFile?: string | URL;
}

/** Options with their defaults; what stays optional has none. */
export type LoaderSettings = DataLoaderOptions &
  Required<
    Pick<
      DataLoaderOptions,
      | ('seed' | 'shuffle' | 'training' | 'dropLast' | 'captions' | 'workers' | 'prefetch' | 'output')
      | ('maxImageBytes' | 'maxBadFraction' | 'taskTimeout' | 'cacheBytes')
    >
  > & {
    readonly buffer: BufferLimits;
    readonly unique: UniqueBy | false;
    /** Batches that are sorted by length together; 1: none are. */
    readonly window: number;
    readonly lengthOf?: LengthBuckets['lengthOf'];
    readonly tokenize: TokenizeOptions;
    /** Reader `index` of `count`. */
    readonly reader: { readonly index: number; readonly count: number };
  };

/** The first three are asked for below, where a message can say what each is. */
const OPTIONS: OptionNames<DataLoaderOptions> = {
  transform: 'optional',
  tokenizer: 'optional',
  batchSize: 'optional',
  seed: 'optional',
  shuffle: 'optional',
  buffer: 'optional',
  training: 'optional',
  dropLast: 'optional',
  captions: 'optional',
  unique: 'optional',
  labels: 'optional',
  bucketByLength: 'optional',
  shard: 'optional',
  ranks: 'optional',
  workers: 'optional',
  prefetch: 'optional',
  cache: 'optional',
  cacheBytes: 'optional',
  output: 'optional',
  maxImageBytes: 'optional',
  maxBadFraction: 'optional',
  taskTimeout: 'optional',
  workerFile: 'optional',
  strict: 'optional',
  quarantine: 'optional',
  onBad: 'optional',
  padding: 'optional',
  maxLength: 'optional',
  truncation: 'optional',
  padToMultipleOf: 'optional',
};

const SHARD: OptionNames<NonNullable<DataLoaderOptions['shard']>> = {
  rank: 'required',
  worldSize: 'required',
  worker: 'optional',
  workers: 'optional',
};

const BUFFER: OptionNames<Partial<BufferLimits>> = { records: 'optional', bytes: 'optional' };

const BUCKETS: OptionNames<LengthBuckets> = { window: 'optional', lengthOf: 'optional' };

/** What else than these a choice may not be. */
const CHOICES = {
  cache: ['decoded', false],
  output: ['float32', 'uint8'],
} as const;

/**
 * Checks the options of a loader and fills in what was left out: the one place that knows the defaults.
 *
 * @throws ConfigError with the option's name
 */
export function resolveOptions(source: PairSource, options: DataLoaderOptions): LoaderSettings {
  if (typeof source?.read !== 'function') {
    throw new ConfigError({
      where: 'data.DataLoader',
      expected: 'a source of pairs, as jsonl(…), folder(…) or pairs(…) give',
      got: describe(source),
    });
  }
  checkOptions('data.DataLoader', options, OPTIONS);
  checkParts(options);
  checkNumbers(options);
  for (const name of Object.keys(options.labels ?? {})) {
    if (source.labels && Object.hasOwn(source.labels, name) && source.labels[name] !== 'number') continue;
    throw new ConfigError({
      where: 'data.DataLoader',
      expected: 'labels of the source that are classes',
      got: JSON.stringify(name),
      remedy: `declare it in the source: labels: { ${name}: 'class' }`,
    });
  }
  const {
    shuffle = false,
    workers = 0,
    bucketByLength = false,
    unique = false,
    shard = { rank: 0, worldSize: 1 },
  } = options;
  const { training = shuffle, padding = 'longest', truncation = true, maxLength, padToMultipleOf } = options;
  const buckets = typeof bucketByLength === 'object' ? bucketByLength : {};
  return {
    ...options,
    seed: options.seed ?? 0,
    shuffle,
    training,
    dropLast: options.dropLast ?? false,
    captions: options.captions ?? (training ? 'random' : 'first'),
    unique: unique === true ? 'source' : unique,
    window: bucketByLength === false ? 1 : (buckets.window ?? 50),
    lengthOf: buckets.lengthOf,
    buffer: { ...defaultBuffer, ...options.buffer },
    workers,
    prefetch: options.prefetch ?? Math.max(2, 2 * workers),
    output: options.output ?? 'float32',
    maxImageBytes: options.maxImageBytes ?? defaultMaxImageBytes,
    maxBadFraction: options.maxBadFraction ?? 0.9,
    taskTimeout: options.taskTimeout ?? 120_000,
    cacheBytes: options.cacheBytes ?? 512 * 2 ** 20,
    tokenize: { padding, truncation, ...(maxLength && { maxLength }), ...(padToMultipleOf && { padToMultipleOf }) },
    reader: {
      index: shard.rank * (shard.workers ?? 1) + (shard.worker ?? 0),
      count: shard.worldSize * (shard.workers ?? 1),
    },
  };
}

function checkParts({ transform, tokenizer }: DataLoaderOptions): void {
  if (typeof transform?.into !== 'function' || !Array.isArray(transform.outputShape)) {
    throw wrong('transform', 'an image transform, as compose(…) or imageTransform(…) give', describe(transform));
  }
  if (typeof tokenizer?.encode !== 'function') {
    throw wrong('tokenizer', 'a tokenizer, as tokenizer(…) gives', describe(tokenizer));
  }
}

function checkNumbers(options: DataLoaderOptions): void {
  const { batchSize, workers, prefetch, shard, ranks, maxLength, maxBadFraction, padToMultipleOf } = options;
  const buckets = typeof options.bucketByLength === 'object' ? options.bucketByLength : {};
  const where = 'data.DataLoader: ';
  if (shard !== undefined) checkOptions(`${where}shard`, shard, SHARD);
  if (options.buffer !== undefined) checkOptions(`${where}buffer`, options.buffer, BUFFER);
  if (typeof options.bucketByLength !== 'boolean' && options.bucketByLength !== undefined) {
    checkOptions(`${where}bucketByLength`, options.bucketByLength, BUCKETS);
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = options[name as keyof typeof CHOICES];
    if (value === undefined || (choices as readonly unknown[]).includes(value)) continue;
    throw wrong(name, `one of ${choices.join(', ')}`, value);
  }
  checkInteger('cacheBytes', options.cacheBytes ?? 0, 0);
  checkInteger('maxImageBytes', options.maxImageBytes ?? 1, 1);
  checkInteger('taskTimeout', options.taskTimeout ?? 1, 1);
  checkInteger('batchSize', batchSize, 1);
  checkInteger('seed', options.seed ?? 0, 0);
  checkInteger('workers', workers ?? 0, 0);
  checkInteger('prefetch', prefetch ?? 1, 1);
  checkInteger('maxLength', maxLength ?? 1, 1);
  checkInteger('padToMultipleOf', padToMultipleOf ?? 1, 1);
  checkInteger('buffer.records', options.buffer?.records ?? 1, 1);
  checkInteger('bucketByLength.window', buckets.window ?? 1, 1);
  if (maxBadFraction !== undefined && !(maxBadFraction > 0 && maxBadFraction <= 1)) {
    throw wrong('maxBadFraction', 'a share above 0, at most 1', maxBadFraction);
  }
  if (ranks !== undefined) {
    if (shard !== undefined) throw wrong('ranks', 'left out beside shard, which splits the source instead', 'both');
    checkInteger('ranks.size', ranks.size, 1);
    checkInteger('ranks.rank', ranks.rank, 0, ranks.size - 1);
    checkInteger('batchSize', batchSize, ranks.size);
  }
  if (shard) {
    checkInteger('shard.worldSize', shard.worldSize, 1);
    checkInteger('shard.rank', shard.rank, 0, shard.worldSize - 1);
    checkInteger('shard.workers', shard.workers ?? 1, 1);
    checkInteger('shard.worker', shard.worker ?? 0, 0, (shard.workers ?? 1) - 1);
  }
}

function checkInteger(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw wrong(name, `an integer ${range}`, value);
}

function wrong(name: string, expected: string, got: unknown): ConfigError {
  return new ConfigError({ where: 'data.DataLoader', expected: `${name} to be ${expected}`, got: String(got) });
}
