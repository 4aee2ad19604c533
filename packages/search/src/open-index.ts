import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { ConfigError, checkOptions, checkPath, checkPositive, type OptionNames, StoreError } from '@diptych/core';
import { memoryLimit } from '@diptych/core/node';
import { ExactIndex } from './exact-index.js';
import { hasLog, type IndexHeader, type Metric, readLog } from './format/commit-log.js';
import { checkPrecision, type Precision } from './precision.js';
import { ScanPool } from './scan/scan-pool.js';
import type { BatchEngine } from './scan/scanner.js';
import { IndexWriter } from './writer.js';

/** Options of {@link openIndex}. */
export interface OpenIndexOptions {
  /** Width of the vectors. A new index needs it; one that is there has its own, and another is refused. So for the next three. */
  readonly embedDim?: number;
  /** Default `cosine`. */
  readonly metric?: Metric;
  /** How rows are held for the scan, default `float32`. `int8` takes a quarter of its memory and of its time. */
  readonly precision?: Precision;
  /**
   * Precision of a second copy of the rows on disk, in which the best of a scan are compared again. Default `float32` beside `int8`,
   * none (null) beside the others.
   */
  readonly rerank?: 'float32' | 'float16' | null;
  /** Only to search and to {@link ExactIndex.refresh}, beside the one writer that an index has. Default false. */
  readonly readonly?: boolean;
  /** Threads of a scan; default as many as there are cores, at most 16. */
  readonly threads?: number;
  /** Bytes of rows kept in memory, default a quarter of the machine's; what is beyond is read again for each search. */
  readonly cacheBytes?: number;
  /** What multiplies batches of queries, default `auto`: ONNX Runtime where `onnxruntime-node` is installed, else WebAssembly. */
  readonly batchEngine?: BatchEngine;
  /** The built script of the threads (`dist/scan-worker.js` of this package), where a bundler moved it. */
  readonly workerFile?: string | URL;
}

const OPTIONS: OptionNames<OpenIndexOptions> = {
  embedDim: 'optional',
  metric: 'optional',
  precision: 'optional',
  rerank: 'optional',
  readonly: 'optional',
  threads: 'optional',
  cacheBytes: 'optional',
  batchEngine: 'optional',
  workerFile: 'optional',
};
const WHERE = 'search.openIndex';
const MORE_EXACT: Readonly<Record<Precision, readonly Precision[]>> = {
  float32: [],
  float16: ['float32'],
  int8: ['float32', 'float16'],
};
const METRICS: readonly Metric[] = ['cosine', 'dot'];

/**
 * Opens the index in a folder, or begins one there.
 *
 * ```ts ignore
 * const index = await openIndex('pictures.index', { embedDim: 256 });
 * await index.add({ ids, vectors, metadata });
 * const [hits] = await index.search(query, { k: 10, filter: { folder: 'holidays' } });
 * ```
 *
 * @throws ConfigError for options that do not fit the index that is there, or a new one without `embedDim`
 * @throws StoreError if another process writes to it, or it is damaged
 */
export async function openIndex(folder: string, options: OpenIndexOptions = {}): Promise<ExactIndex> {
  checkPath(WHERE, folder);
  checkOptions(WHERE, options, OPTIONS);
  const { threads = Math.min(16, availableParallelism()), cacheBytes = memoryLimit() / 4, readonly = false } = options;
  checkPositive(WHERE, 'threads', threads);
  if (!(cacheBytes >= 0))
    throw new ConfigError({ where: WHERE, expected: 'cacheBytes of 0 or more', got: `${cacheBytes}` });
  const { writer, header } = readonly
    ? { writer: undefined, header: headerThere(folder) }
    : await openWriter(folder, options);
  try {
    checkAgainst(folder, header, options);
    const pool = new ScanPool({
      precision: header.precision,
      embedDim: header.embedDim,
      threads,
      cacheBytes,
      batchEngine: options.batchEngine ?? 'auto',
      workerFile: options.workerFile ?? new URL('./scan-worker.js', import.meta.url),
    });
    return new ExactIndex({ folder, header, writer, pool });
  } catch (error) {
    writer?.close();
    throw error;
  }
}

async function openWriter(
  folder: string,
  options: OpenIndexOptions,
): Promise<{ writer: IndexWriter; header: IndexHeader }> {
  if (!hasLog(folder)) newHeader(options); // before a folder is made for it
  mkdirSync(folder, { recursive: true });
  const writer = await IndexWriter.open(folder, () => newHeader(options));
  return { writer, header: writer.header };
}

function headerThere(folder: string): IndexHeader {
  if (hasLog(folder)) return readLog(folder).header;
  const remedy = 'check the path; without readonly a new index begins there';
  throw new StoreError({ where: `search: index ${folder}`, expected: 'an index', got: 'none there', remedy });
}

function newHeader({ embedDim, metric = 'cosine', precision = 'float32', rerank }: OpenIndexOptions): IndexHeader {
  if (embedDim === undefined) {
    const remedy = "pass { embedDim }, the model's";
    throw new ConfigError({ where: WHERE, expected: 'embedDim for a new index', got: 'none', remedy });
  }
  checkPositive(WHERE, 'embedDim', embedDim);
  if (embedDim > 65_536)
    throw new ConfigError({ where: WHERE, expected: 'embedDim of at most 65,536', got: `${embedDim}` });
  if (!METRICS.includes(metric)) {
    throw new ConfigError({ where: WHERE, expected: `metric to be one of ${METRICS.join(', ')}`, got: String(metric) });
  }
  checkPrecision(WHERE, 'precision', precision);
  const again = rerank === undefined ? (precision === 'int8' ? 'float32' : null) : rerank;
  const moreExact: readonly unknown[] = MORE_EXACT[precision];
  if (again !== null && !moreExact.includes(again)) {
    const expected = `rerank to be more exact than ${precision}, or null`;
    throw new ConfigError({ where: WHERE, expected, got: String(again) });
  }
  return { format: 'diptych-index', version: 1, embedDim, metric, precision, rerank: again };
}

function checkAgainst(folder: string, header: IndexHeader, options: OpenIndexOptions): void {
  for (const name of ['embedDim', 'metric', 'precision', 'rerank'] as const) {
    if (options[name] === undefined || options[name] === header[name]) continue;
    throw new ConfigError({
      where: `${WHERE}: ${folder}`,
      expected: `${name} ${header[name]}, which the index there has`,
      got: String(options[name]),
      remedy: `leave ${name} out, or add the rows to a new index in another folder`,
    });
  }
}
