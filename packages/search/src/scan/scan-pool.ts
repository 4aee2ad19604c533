import { Worker } from 'node:worker_threads';
import { EngineError, StoreError } from '@diptych/core';
import { sectionBytes } from '../format/vector-section.js';
import { TopK } from '../top-k.js';
import type { ScanCall, ScanReply } from './protocol.js';
import { type BatchEngine, Scanner, type ScannerOptions, type ScanRequest, type ScanResult } from './scanner.js';

/** How a pool works. */
export interface ScanPoolOptions {
  readonly precision: ScannerOptions['precision'];
  readonly embedDim: number;
  readonly threads: number;
  readonly cacheBytes: number;
  readonly batchEngine: BatchEngine;
  /** The built script of the threads. */
  readonly workerFile: string | URL;
}

/** Less than this is scanned here: it takes a millisecond or two, about what handing over costs. */
const SMALL_BYTES = 8 * 2 ** 20;

/**
 * Threads that scan, each its own share of all blocks in memory of its own. They start with the first scan of more than a few
 * megabytes, and do not keep a program alive that has nothing else to do.
 */
export class ScanPool {
  readonly #options: ScanPoolOptions;
  #here: Scanner | undefined;
  #threads: ScanThread[] | undefined;
  #closed = false;

  constructor(options: ScanPoolOptions) {
    this.#options = options;
  }

  /**
   * @throws StoreError for a damaged block
   * @throws EngineError if a thread ends
   */
  async scan(request: ScanRequest): Promise<ScanResult> {
    const { threads } = this.#options;
    const bytes = request.segments.reduce((sum, { segment }) => sum + sectionBytes(segment.section), 0);
    if (threads < 2 || bytes <= SMALL_BYTES) return this.#scanner().scan(request);
    this.#threads ??= Array.from({ length: threads }, (_, part) => this.#start(part));
    // all have to be done before files may be closed
    const parts = await Promise.allSettled(this.#threads.map((thread) => thread.scan(request)));
    const failed = parts.find((part) => part.status === 'rejected');
    if (failed) throw failed.reason;
    return merged(
      parts.flatMap((part) => (part.status === 'fulfilled' ? [part.value] : [])),
      request.k,
    );
  }

  /** Another pool, for rows in another precision, that keeps none of them in memory. */
  beside(precision: ScanPoolOptions['precision']): ScanPool {
    return new ScanPool({ ...this.#options, precision, cacheBytes: 0 });
  }

  /** Gives up what is held of other segments. */
  keepOnly(ids: readonly number[]): void {
    this.#here?.keepOnly(new Set(ids));
    for (const thread of this.#threads ?? []) thread.send({ keepOnly: ids });
  }

  /** Ends the threads; scans under way fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all((this.#threads ?? []).map((thread) => thread.end()));
    this.#threads = undefined;
    this.#here = undefined;
  }

  #scanner(): Scanner {
    const { precision, embedDim, cacheBytes, batchEngine, threads } = this.#options;
    const here = threads < 2 ? cacheBytes : SMALL_BYTES;
    this.#here ??= new Scanner({ precision, embedDim, batchEngine, cacheBytes: here, part: 0, of: 1 });
    return this.#here;
  }

  #start(part: number): ScanThread {
    const { precision, embedDim, batchEngine, threads: of, workerFile } = this.#options;
    const cacheBytes = Math.floor(this.#options.cacheBytes / of);
    const options: ScannerOptions = { precision, embedDim, batchEngine, cacheBytes, part, of };
    return new ScanThread(workerFile, options, (error) => {
      if (this.#closed) return;
      // all of them, as each has a share of the blocks; the next scan starts new ones
      const others = this.#threads ?? [];
      this.#threads = undefined;
      for (const thread of others) void thread.end(error);
    });
  }
}

interface Waiting {
  resolve(result: ScanResult): void;
  reject(error: Error): void;
}

class ScanThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #dead: Error | undefined;

  constructor(file: string | URL, options: ScannerOptions, onDeath: (error: Error) => void) {
    this.#worker = new Worker(file, { workerData: options });
    this.#worker.unref();
    this.#worker.on('message', (reply: ScanReply) => this.#answer(reply));
    const died = (problem: string) => {
      this.#dead ??= new EngineError({
        where: 'search: a scanning thread',
        problem: `ended: ${problem}`,
        remedy:
          'if a bundler moved its script, name it with workerFile; or set threads: 1; cacheBytes bounds its memory',
      });
      this.#rejectAll(this.#dead);
      onDeath(this.#dead);
    };
    this.#worker.on('error', (error) => died(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', (code) => died(`code ${code}`));
  }

  scan(request: ScanRequest): Promise<ScanResult> {
    return new Promise((resolve, reject) => {
      if (this.#dead) return reject(this.#dead);
      const number = this.#calls++;
      this.#waiting.set(number, { resolve, reject });
      this.#worker.ref();
      this.send({ number, request });
    });
  }

  send(call: ScanCall): void {
    this.#worker.postMessage(call);
  }

  /** @param error why, for scans under way */
  async end(error?: Error): Promise<void> {
    if (error) {
      this.#dead ??= error;
      this.#rejectAll(error);
    }
    await this.#worker.terminate();
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #answer(reply: ScanReply): void {
    const waiting = this.#waiting.get(reply.number);
    this.#waiting.delete(reply.number);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('result' in reply) waiting?.resolve(reply.result);
    else waiting?.reject(rebuilt(reply.error));
  }
}

/** The best of what all threads found. */
function merged(parts: readonly ScanResult[], k: number): ScanResult {
  return parts[0]!.map((_, query) => {
    const best = new TopK(k);
    for (const part of parts) {
      const { scores, keys } = part[query]!;
      for (let i = 0; i < scores.length; i++) best.push(scores[i]!, keys[i]!);
    }
    return best.sorted();
  });
}

/** An error of a thread; one of ours says where, and is about a damaged block. */
function rebuilt({ message, where }: { readonly message: string; readonly where?: string }): Error {
  if (where === undefined) return new EngineError({ where: 'search: a scanning thread', problem: message });
  return new StoreError({ where, problem: message.slice(where.length + 2) });
}
