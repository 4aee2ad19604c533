import { ConfigError, DiptychError, type ErrorCode } from '@diptych/core';
import { Piscina } from 'piscina';
import { type DecodeResult, type DecodeTask, makePixels, type RowFailure } from '../decode-rows.js';
import type { WorkerReply, WorkerSetup } from './protocol.js';

/** How a pool of decoding threads runs. */
export interface DecodePoolOptions {
  readonly workers: number;
  readonly setup: WorkerSetup;
  /** The built worker script. */
  readonly workerFile: string;
  /** Milliseconds after which a thread that does not answer is ended and replaced. */
  readonly taskTimeout: number;
  /** Values of one decoded image. */
  readonly rowSize: number;
}

/**
 * Threads that decode batches. One that dies (a crash, out of memory, no answer in time) is replaced and its batch done
 * again; if that one dies as well, the batch is halved until the row that does it stands alone and can be rejected.
 */
export class DecodePool {
  readonly #pool: Piscina;
  readonly #options: DecodePoolOptions;
  /** Set once threads cannot even start; ends the tasks under way. */
  #broken: ConfigError | undefined;
  readonly #running = new Set<AbortController>();
  #crashesInARow = 0;
  #deaths = 0;

  constructor(options: DecodePoolOptions) {
    this.#options = options;
    this.#pool = new Piscina({
      filename: options.workerFile,
      workerData: options.setup,
      minThreads: options.workers,
      maxThreads: options.workers,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
    });
    // A thread that fails without a task, so that no task can carry the news. It is replaced, unless it never started.
    this.#pool.on('error', (cause: unknown) => {
      this.#deaths++;
      if (this.#pool.threads.length === 0) this.#fail(cause);
    });
  }

  /** Threads that were replaced so far. */
  get deaths(): number {
    return this.#deaths;
  }

  /**
   * @returns the decoded rows, in the task's order
   * @throws DiptychError if a part cannot be built, or threads die without ever finishing a task
   */
  async run(task: DecodeTask): Promise<DecodeResult> {
    return this.#run(task, ATTEMPTS, this.#options.taskTimeout);
  }

  async #run(task: DecodeTask, attempts: number, timeout: number): Promise<DecodeResult> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const result = await this.#attempt(task, timeout);
      if (result) return result;
    }
    if (task.rows.length > 1) return this.#runHalves(task, Math.max(timeout / 2, Math.min(timeout, LEAST_TIMEOUT)));
    return {
      pixels: makePixels(this.#options.setup.output, this.#options.rowSize),
      failures: [
        {
          row: 0,
          reason: 'worker-died',
          parts: {
            expected: 'an image that decodes',
            got: `${ATTEMPTS} worker threads that crashed or hung on it`,
            remedy: 'remove the pair, or decode it alone to see why; taskTimeout sets how long a batch may take',
          },
        },
      ],
    };
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  /** Ends all tasks: threads cannot even start. */
  #fail(cause: unknown): void {
    this.#broken = new ConfigError(
      {
        where: 'data.DataLoader',
        expected: `worker threads to start from ${this.#options.workerFile}`,
        got: cause instanceof Error ? cause.message : String(cause),
        remedy: 'if a bundler moved it, name it with workerFile; or set workers: 0',
      },
      { cause },
    );
    for (const task of this.#running) task.abort();
  }

  /** One try; undefined where the thread died. */
  async #attempt(task: DecodeTask, milliseconds: number): Promise<DecodeResult | undefined> {
    if (this.#broken) throw this.#broken;
    const timeout = new AbortController();
    this.#running.add(timeout);
    const timer = setTimeout(() => timeout.abort(), milliseconds * (1 + this.#pool.queueSize));
    // Threads that end while they start, without an error, are not replaced: then nobody would ever answer.
    const watch = setInterval(() => {
      if (this.#pool.threads.length === 0) this.#fail(new Error('a thread that ended before it could take work'));
    }, 500);
    try {
      const reply = (await this.#pool.run(task, { signal: timeout.signal })) as WorkerReply;
      this.#crashesInARow = 0;
      if ('result' in reply) return reply.result;
      throw new DiptychError(codeOf(reply.error.code), { where: 'data.worker', problem: reply.error.message });
    } catch (error) {
      if (error instanceof DiptychError) throw error;
      if (this.#broken) throw this.#broken;
      this.#deaths++;
      if (++this.#crashesInARow > MAX_CRASHES_IN_A_ROW + this.#options.workers) {
        throw new DiptychError(
          'engine',
          {
            where: 'data.DataLoader',
            problem: `worker threads died ${this.#crashesInARow} times in a row, the last: ${String(error)}`,
            remedy: 'run with workers: 0 to see the error itself; a transform may need more memory than there is',
          },
          { cause: error },
        );
      }
      return undefined;
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      this.#running.delete(timeout);
    }
  }

  async #runHalves({ rows, keepDecoded }: DecodeTask, timeout: number): Promise<DecodeResult> {
    const middle = rows.length >> 1;
    const parts: DecodeResult[] = [];
    // One after the other: both would look for the same bad row with all threads.
    for (const half of [rows.slice(0, middle), rows.slice(middle)]) {
      parts.push(await this.#run({ rows: half, keepDecoded }, half.length > 1 ? 1 : ATTEMPTS, timeout));
    }
    const pixels = makePixels(this.#options.setup.output, rows.length * this.#options.rowSize);
    const failures: RowFailure[] = [];
    let start = 0;
    for (const [i, part] of parts.entries()) {
      pixels.set(part.pixels, start * this.#options.rowSize);
      for (const failure of part.failures) failures.push({ ...failure, row: failure.row + start });
      start += i === 0 ? middle : 0;
    }
    const decoded = keepDecoded ? parts.flatMap((part) => part.decoded ?? [undefined]) : undefined;
    // Without tokens: the halves are padded each to its own length.
    return { pixels, failures, ...(decoded && { decoded }) };
  }
}

const ATTEMPTS = 2;

/** More than it takes to find one bad row among 65,536. */
const MAX_CRASHES_IN_A_ROW = 20;

/** Milliseconds that even a few rows may take: a new thread has to start first. */
const LEAST_TIMEOUT = 10_000;

function codeOf(code: string): ErrorCode {
  const known: readonly string[] = ['shape', 'config', 'input', 'weights', 'hub', 'checkpoint', 'engine', 'training'];
  return (known.includes(code) ? code : 'engine') as ErrorCode;
}
