import type { PairBatch, PixelBatch, TokenBatch } from '@diptych/core';
import { type DecodeResult, makePixels, type Pixels } from './decode-rows.js';
import type { LabelEncoder } from './label-batch.js';
import { firstFit, type PlannedBatch, type PlannedRow } from './sampling/plan.js';

/** A decoded row that waits for a batch with room. */
export interface SpareRow {
  /** [planned batch, row in it]: how a resumed run finds it again. */
  readonly place: readonly [number, number];
  readonly row: PlannedRow;
  readonly pixels: Pixels;
}

/** Where an epoch stands after a batch: how many planned batches are used up, and which of their rows still wait. */
export interface AssemblyState {
  readonly planned: number;
  readonly spares: readonly (readonly [number, number])[];
}

/** A batch for the reader, with the state from which the next one follows. */
export interface Assembled {
  readonly batch: PairBatch;
  readonly state: AssemblyState;
}

/** How batches are made whole again. */
export interface AssembleOptions {
  readonly batchSize: number;
  readonly dropLast: boolean;
  /** Leaves gaps as they are: rows of a share of a batch, which the other shares are not to know of. */
  readonly keepGaps?: boolean;
  /** [height, width, channels]. */
  readonly imageShape: readonly [number, number, number];
  /** With uint8 pixels: what the device still has to do. */
  readonly normalize?: PixelBatch['normalize'];
  readonly tokenize: (texts: readonly string[]) => TokenBatch;
  /** The labels of a batch, where the source has some. */
  readonly labels?: LabelEncoder;
  /** Rows left over from before a resumption. */
  readonly spares: readonly SpareRow[];
  /** Planned batches used up before the resumption. */
  readonly planned: number;
}

/** A planned batch and what decoding made of it. */
export interface DecodedBatch {
  readonly planned: PlannedBatch;
  readonly result: DecodeResult;
}

/**
 * Batches of full size from decoded ones in which rows may be missing. Gaps are filled from spare rows; where these do
 * not suffice, the batch itself becomes spares. So every batch but an epoch's last is full, batches without a gap pass
 * untouched (their buffers too), and the outcome depends on the order of the planned batches alone. With `keepGaps` a batch is
 * what came of its own rows.
 */
export async function* assembleBatches(
  decoded: AsyncIterable<DecodedBatch>,
  options: AssembleOptions,
): AsyncGenerator<Assembled> {
  const { batchSize, dropLast } = options;
  const spares = [...options.spares];
  let { planned } = options;
  const emit = (batch: PairBatch): Assembled => ({
    batch,
    state: { planned, spares: spares.map(({ place }) => place) },
  });

  for await (const { planned: plan, result } of decoded) {
    planned = plan.number + 1;
    const rows = survivors(plan, result, options);
    const complete = rows.length === plan.rows.length;
    if (options.keepGaps) {
      yield emit(complete ? wholeBatch(plan, result, options) : joinRows(rows, options));
      continue;
    }
    if (complete && (rows.length === batchSize || (spares.length === 0 && !dropLast))) {
      if (rows.length > 0) yield emit(wholeBatch(plan, result, options));
      continue;
    }
    const fillers = complete ? undefined : takeFillers(rows, spares, batchSize);
    if (fillers) {
      yield emit(joinRows(inPlace(plan, rows, fillers), options));
      continue;
    }
    spares.push(...rows);
    while (spares.length >= batchSize) {
      // Spares that share captions or images may not make a full batch; they must not pile up either.
      const taken = takeBatch(spares, batchSize, spares.length < 2 * batchSize);
      if (!taken) break;
      yield emit(joinRows(taken, options));
    }
  }
  while (spares.length > 0) {
    const taken = takeBatch(spares, batchSize, dropLast);
    if (!taken) return;
    yield emit(joinRows(taken, options));
  }
}

function survivors({ number, rows }: PlannedBatch, { pixels, failures }: DecodeResult, options: AssembleOptions) {
  const failed = new Set(failures.map(({ row }) => row));
  const rowSize = sizeOf(options.imageShape);
  return rows.flatMap((row, i): SpareRow[] =>
    failed.has(i) ? [] : [{ place: [number, i], row, pixels: pixels.subarray(i * rowSize, (i + 1) * rowSize) }],
  );
}

/** Takes spares that fit the rows, as many as are missing; none where they do not suffice. */
function takeFillers(rows: readonly SpareRow[], spares: SpareRow[], batchSize: number): SpareRow[] | undefined {
  const keys = new Set(rows.flatMap(({ row }) => row.keys));
  const fillers: SpareRow[] = [];
  for (const spare of spares) {
    if (rows.length + fillers.length === batchSize) break;
    if (spare.row.keys.some((key) => keys.has(key))) continue;
    for (const key of spare.row.keys) keys.add(key);
    fillers.push(spare);
  }
  if (rows.length + fillers.length < batchSize) return undefined;
  remove(spares, fillers);
  return fillers;
}

/** Takes the first batch that the spares make; with `whole`, only a full one. */
function takeBatch(spares: SpareRow[], batchSize: number, whole: boolean): SpareRow[] | undefined {
  const { full, rest } = firstFit(
    spares.map(({ row }) => row),
    batchSize,
  );
  const rows = full[0] ?? (whole ? undefined : rest[0]);
  if (!rows) return undefined;
  const wanted = new Set(rows);
  const taken = spares.filter(({ row }) => wanted.has(row));
  remove(spares, taken);
  return taken;
}

function remove(spares: SpareRow[], taken: readonly SpareRow[]): void {
  const gone = new Set(taken);
  const left = spares.filter((spare) => !gone.has(spare));
  spares.splice(0, spares.length, ...left);
}

/** The surviving rows where they were, with a filler in each gap. */
function inPlace({ rows }: PlannedBatch, alive: readonly SpareRow[], fillers: readonly SpareRow[]): SpareRow[] {
  const byRow = new Map(alive.map((row) => [row.place[1], row]));
  const gaps = [...fillers];
  const filled = rows.flatMap((_, i) => byRow.get(i) ?? gaps.shift() ?? []);
  return [...filled, ...gaps];
}

function wholeBatch({ rows }: PlannedBatch, { pixels, tokens }: DecodeResult, options: AssembleOptions): PairBatch {
  return {
    size: rows.length,
    pixels: pixelBatch(pixels, rows.length, options),
    tokens: tokens ?? options.tokenize(rows.map(({ text }) => text)),
    ids: rows.map(({ record }) => record.id),
    ...labelsOf(rows, options),
  };
}

function joinRows(rows: readonly SpareRow[], options: AssembleOptions): PairBatch {
  const rowSize = sizeOf(options.imageShape);
  const pixels = makePixels(options.normalize ? 'uint8' : 'float32', rows.length * rowSize);
  for (const [i, row] of rows.entries()) pixels.set(row.pixels, i * rowSize);
  return {
    size: rows.length,
    pixels: pixelBatch(pixels, rows.length, options),
    tokens: options.tokenize(rows.map(({ row }) => row.text)),
    ids: rows.map(({ row }) => row.record.id),
    ...labelsOf(
      rows.map(({ row }) => row),
      options,
    ),
  };
}

function labelsOf(rows: readonly PlannedRow[], { labels }: AssembleOptions): Pick<PairBatch, 'labels'> {
  return labels ? { labels: labels.encode(rows.map(({ record }) => record.labels)) } : {};
}

function pixelBatch(data: Pixels, rows: number, { imageShape, normalize }: AssembleOptions): PixelBatch {
  return { data, shape: [rows, ...imageShape], ...(normalize && { normalize }) };
}

function sizeOf([height, width, channels]: readonly [number, number, number]): number {
  return height * width * channels;
}
