import { blockCount, blockRowsOf, rowsOfBlock } from '../format/vector-section.js';
import { hasFactors, type Precision, paddedWidth, rowBytes, stepsOf } from '../precision.js';
import { TopK } from '../top-k.js';
import { aligned, BlockStore, type ScanSegment } from './block-store.js';
import { instantiateKernel, type Kernel } from './kernel.js';
import { openProduct, type Product } from './products.js';
import { PRODUCT_QUERIES, type QueryBlock, queryBlock } from './query-block.js';

/** What multiplies batches of queries: ONNX Runtime where it is installed, or always the kernel in WebAssembly. */
export type BatchEngine = 'auto' | 'wasm';

/** How a scanner works. A plain object, for threads. */
export interface ScannerOptions {
  readonly precision: Precision;
  readonly embedDim: number;
  /** Bytes of rows to keep in memory. */
  readonly cacheBytes: number;
  /** Of all blocks the scanner does every `of`th, from `part` on. */
  readonly part: number;
  readonly of: number;
  readonly batchEngine: BatchEngine;
}

/** What to look for. A plain object, for threads. */
export interface ScanRequest {
  /** [N, embedDim]. */
  readonly queries: Float32Array;
  readonly k: number;
  /** Scores have to exceed it. */
  readonly minScore: number;
  readonly segments: readonly {
    readonly segment: ScanSegment;
    /** Key of its first row: results name rows by key. */
    readonly firstKey: number;
    /** One bit a row, 1 where it counts; all rows if it is left out. */
    readonly allowed?: Uint8Array;
  }[];
}

/** The best of each query, best first. */
export type ScanResult = readonly { readonly scores: Float64Array; readonly keys: Float64Array }[];

/** Fewer queries than this go through the kernel, which the memory's speed limits. */
const LEAST_FOR_PRODUCT = 6;
/** Of fewer rows than one in so many that count, these are gathered first. */
const SPARSE = 8;

/**
 * Compares queries with stored rows, block by block: scores of a block, then those above what each query has as its k-th best so
 * far. One at a time; calls wait for each other.
 */
export class Scanner {
  readonly #options: ScannerOptions;
  readonly #blocks: BlockStore;
  readonly #kernel: Kernel;
  readonly #layout: Layout;
  readonly #product: Promise<Product | undefined>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ScannerOptions) {
    this.#options = options;
    const { precision, embedDim, cacheBytes, batchEngine } = options;
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
    this.#layout = layoutFor(precision, embedDim);
    this.#blocks = new BlockStore(memory, this.#layout.end, this.#layout.slotBytes, cacheBytes);
    this.#kernel = instantiateKernel(memory);
    new Float32Array(memory.buffer, this.#layout.ones, this.#layout.blockRows + 3).fill(1);
    this.#product = batchEngine === 'auto' ? openProduct(precision) : Promise.resolve(undefined);
  }

  scan(request: ScanRequest): Promise<ScanResult> {
    const result = this.#last.then(() => this.#scan(request));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Gives up what is held of other segments. */
  keepOnly(ids: ReadonlySet<number>): void {
    this.#blocks.keepOnly(ids);
  }

  async #scan({ queries, k, minScore, segments }: ScanRequest): Promise<ScanResult> {
    const { precision, embedDim, part, of } = this.#options;
    const searches: Search[] = [];
    for (let at = 0; at < queries.length; at += PRODUCT_QUERIES * embedDim) {
      const block = queryBlock(precision, queries.subarray(at, at + PRODUCT_QUERIES * embedDim), embedDim);
      searches.push(new Search(block, k, minScore));
    }
    const product = queries.length / embedDim >= LEAST_FOR_PRODUCT ? await this.#product : undefined;
    let turn = 0;
    for (const { segment, firstKey, allowed } of segments) {
      const { section } = segment;
      for (let block = 0; block < blockCount(section); block++) {
        if (turn++ % of !== part) continue;
        const rows = rowsOfBlock(section, block);
        const first = block * section.blockRows;
        const counting = allowed ? rowsAllowed(allowed, first, rows) : undefined;
        if (counting?.length === 0) continue;
        const place = this.#blocks.place(segment, block);
        const sparse = counting !== undefined && counting.length * SPARSE < rows;
        const stored = sparse
          ? this.#gather(place, rows, counting)
          : { place, rows, factors: this.#factorsAt(place, rows) };
        const keyOf = sparse
          ? (row: number) => firstKey + first + counting[row]!
          : (row: number) => firstKey + first + row;
        const counts = counting && !sparse ? (row: number) => isSet(allowed!, first + row) : undefined;
        for (const search of searches) {
          const integers = await this.#scores(stored, search, product);
          this.#select(stored, search, integers, keyOf, counts);
        }
      }
    }
    return searches.flatMap((search) => search.best.map((top) => top.sorted()));
  }

  #factorsAt(place: number, rows: number): number {
    const { precision, embedDim } = this.#options;
    return hasFactors(precision) ? place + rows * rowBytes(precision, embedDim) : this.#layout.ones;
  }

  /** Copies the rows that count behind each other. */
  #gather(place: number, rows: number, counting: Int32Array): StoredRows {
    const { precision, embedDim } = this.#options;
    const bytes = rowBytes(precision, embedDim);
    const memory = new Uint8Array(this.#blocks.memory.buffer);
    const { gathered, ones } = this.#layout;
    const factors = gathered + counting.length * bytes;
    for (let i = 0; i < counting.length; i++) {
      const from = place + counting[i]! * bytes;
      memory.copyWithin(gathered + i * bytes, from, from + bytes);
      const factor = place + rows * bytes + 4 * counting[i]!;
      if (hasFactors(precision)) memory.copyWithin(factors + 4 * i, factor, factor + 4);
    }
    return { place: gathered, rows: counting.length, factors: hasFactors(precision) ? factors : ones };
  }

  /** Scores into memory. Returns whether they are integers. */
  async #scores({ place, rows }: StoredRows, { block }: Search, product: Product | undefined): Promise<boolean> {
    const { precision, embedDim } = this.#options;
    const { queries, starts, scores } = this.#layout;
    const stride = rowBytes(precision, embedDim);
    const memory = this.#blocks.memory.buffer;
    if (product && block.count >= LEAST_FOR_PRODUCT) {
      const width = paddedWidth(embedDim);
      const stored = new Uint8Array(memory, place, rows * stride);
      const out = new Uint8Array(memory, scores, rows * block.padded * 4);
      await product.run(stored, block.columns, { n: rows, width, count: block.padded }, out);
      return precision === 'int8';
    }
    const { rows: values } = block;
    new Uint8Array(memory, queries, values.byteLength).set(new Uint8Array(values.buffer));
    new Int32Array(memory, starts, block.padded).set(block.starts);
    const steps = stepsOf(embedDim);
    const whole = Math.ceil(rows / 4) * 4; // the rest is read and left out
    if (block.padded === 1) this.#kernel[`one_${precision}`](place, stride, whole / 4, queries, starts, steps, scores);
    else {
      const queryStride = values.byteLength / block.padded;
      const groups = block.padded / 4;
      this.#kernel[`many_${precision}`](place, stride, whole, queries, queryStride, groups, starts, steps, scores);
    }
    return precision === 'int8';
  }

  /** What exceeds the thresholds goes to the best of its query; thresholds rise after some rows, then after twice as many. */
  #select(
    { rows, factors }: StoredRows,
    search: Search,
    integers: boolean,
    keyOf: (row: number) => number,
    counts: ((row: number) => boolean) | undefined,
  ): void {
    const { scores, thresholds, chosen } = this.#layout;
    const { block, best } = search;
    const { count, padded } = block;
    const memory = this.#blocks.memory.buffer;
    const limits = new Float32Array(memory, thresholds, padded);
    const values = new Float32Array(memory, scores, Math.ceil(rows / 4) * 4 * padded);
    const groups = padded / 4;
    const dtype = integers ? 'int32' : 'float32';
    for (let row = 0, step = search.isFull ? rows : 32; row < rows; row += step, step *= 2) {
      const end = Math.min(rows, row + step);
      limits.fill(Number.POSITIVE_INFINITY, count);
      for (let query = 0; query < count; query++) limits[query] = search.threshold(query);
      const last =
        padded === 1
          ? this.#kernel[`selectOne_${dtype}`](scores, row, end, factors, limits[0]!, chosen)
          : this.#kernel[`selectMany_${dtype}`](scores, row, end, factors, thresholds, groups, chosen);
      const places = new Int32Array(memory, chosen, (last - chosen) / 4);
      for (const place of places) {
        const [at, query] = padded === 1 ? [place, 0] : [Math.floor(place / padded), place % padded];
        if (at >= end || query >= count || (counts && !counts(at))) continue;
        best[query]!.push(values[place]! * block.factors[query]!, keyOf(at));
      }
    }
  }
}

/** Rows of a block in memory. */
interface StoredRows {
  readonly place: number;
  readonly rows: number;
  readonly factors: number;
}

/** Some queries with the best of each so far. */
class Search {
  readonly block: QueryBlock;
  readonly best: TopK[];
  readonly #minScore: number;

  constructor(block: QueryBlock, k: number, minScore: number) {
    this.block = block;
    this.best = Array.from({ length: block.count }, () => new TopK(k));
    this.#minScore = minScore;
  }

  /** Whether all have k, so that few more will come. */
  get isFull(): boolean {
    return this.best.every(({ threshold }) => threshold > Number.NEGATIVE_INFINITY);
  }

  /** In the kernel's units, where a query's scores are not yet multiplied by its factor. */
  threshold(query: number): number {
    return Math.max(this.best[query]!.threshold, this.#minScore) / this.block.factors[query]!;
  }
}

/** Where what lies in memory, below the blocks. */
interface Layout {
  readonly blockRows: number;
  readonly slotBytes: number;
  readonly ones: number;
  readonly queries: number;
  readonly starts: number;
  readonly thresholds: number;
  readonly scores: number;
  readonly chosen: number;
  readonly gathered: number;
  readonly end: number;
}

function layoutFor(precision: Precision, embedDim: number): Layout {
  const blockRows = blockRowsOf(precision, embedDim);
  // three rows more than there are: the kernel takes four at a time
  const slotBytes = aligned((blockRows + 3) * (rowBytes(precision, embedDim) + 4));
  let end = 64;
  const take = (bytes: number): number => {
    const place = end;
    end += aligned(bytes);
    return place;
  };
  return {
    blockRows,
    slotBytes,
    ones: take(4 * (blockRows + 3)),
    queries: take(4 * PRODUCT_QUERIES * paddedWidth(embedDim)),
    starts: take(4 * PRODUCT_QUERIES),
    thresholds: take(4 * PRODUCT_QUERIES),
    scores: take(4 * (blockRows + 3) * PRODUCT_QUERIES),
    chosen: take(4 * (blockRows + 3) * PRODUCT_QUERIES),
    gathered: take(slotBytes),
    end,
  };
}

function isSet(bits: Uint8Array, row: number): boolean {
  return (bits[row >> 3]! & (1 << (row & 7))) !== 0;
}

/** Numbers, within the block, of its rows that count; undefined if all do. */
function rowsAllowed(bits: Uint8Array, first: number, rows: number): Int32Array | undefined {
  const found = new Int32Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row++) if (isSet(bits, first + row)) found[count++] = row;
  return count === rows ? undefined : found.subarray(0, count);
}
