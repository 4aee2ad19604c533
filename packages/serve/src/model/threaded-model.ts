import { Worker } from 'node:worker_threads';
import { EngineError, Matrix, type MatrixData } from '@diptych/core';
import type { WordAttention } from 'diptych';
import type { Embedder } from './embedder.js';
import { END, type ModelCall, type ModelReady, type ModelReply, receiveError } from './protocol.js';

interface Waiting {
  readonly resolve: (answer: Float32Array | WordAttention) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A model folder in a thread of its own, so that the server answers while the model computes. A thread that dies takes its calls with it;
 * the next call starts another.
 */
export class ThreadedModel implements Embedder {
  readonly embedDim: number;
  readonly matchLogits: Embedder['matchLogits'];
  readonly attentionByWord: Embedder['attentionByWord'];
  readonly #folder: string;
  readonly #workerFile: string | URL;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Promise<Worker> | undefined;
  #calls = 0;
  #closed = false;

  /**
   * Starts the thread and loads the model.
   *
   * @param workerFile the built script of the thread (`dist/model-worker.js` of this package), where a bundler moved it
   * @throws CheckpointError if the folder holds no model
   */
  static async open(folder: string, workerFile: string | URL): Promise<ThreadedModel> {
    const { worker, ready } = await start(folder, workerFile);
    return new ThreadedModel(folder, workerFile, worker, ready);
  }

  private constructor(
    folder: string,
    workerFile: string | URL,
    worker: Worker,
    { embedDim, matches, attends }: ModelReady,
  ) {
    this.#folder = folder;
    this.#workerFile = workerFile;
    this.embedDim = embedDim;
    this.matchLogits = matches ? (images, texts) => this.#numbers({ work: 'match', images, texts }) : undefined;
    this.attentionByWord = attends ? (image, text) => this.#attention(image, text) : undefined;
    this.#worker = Promise.resolve(this.#listen(worker));
  }

  /** Whether its thread runs. */
  get alive(): boolean {
    return this.#worker !== undefined;
  }

  async embedText(texts: readonly string[]): Promise<MatrixData> {
    return { data: await this.#numbers({ work: 'embed', texts }), shape: [texts.length, this.embedDim] };
  }

  async embedImages(images: readonly Uint8Array[]): Promise<MatrixData> {
    return { data: await this.#numbers({ work: 'embed', images }), shape: [images.length, this.embedDim] };
  }

  /** Finishes the calls under way, and ends the thread. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const worker = await this.#worker?.catch(() => undefined);
    if (!worker) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage(END);
    await ended;
  }

  async #numbers(call: Omit<ModelCall, 'id'>): Promise<Float32Array> {
    return (await this.#call(call)) as Float32Array;
  }

  async #attention(image: Uint8Array, text: string): Promise<WordAttention> {
    const answer = (await this.#call({ work: 'attention', images: [image], texts: [text] })) as WordAttention;
    const { data, shape } = answer.maps;
    return { ...answer, maps: new Matrix(data, shape) };
  }

  async #call(call: Omit<ModelCall, 'id'>): Promise<Float32Array | WordAttention> {
    if (this.#closed) throw ended('it was closed');
    this.#worker ??= start(this.#folder, this.#workerFile).then(
      ({ worker }) => this.#listen(worker),
      (error) => {
        this.#worker = undefined;
        throw error;
      },
    );
    const worker = await this.#worker;
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...call } satisfies ModelCall);
    });
  }

  #listen(worker: Worker): Worker {
    const calls = this.#waiting;
    worker.on('message', (reply: ModelReply) => {
      if (!('id' in reply)) return;
      const waiting = calls.get(reply.id);
      calls.delete(reply.id);
      if ('error' in reply) waiting?.reject(receiveError(reply.error));
      else waiting?.resolve('attention' in reply ? reply.attention : reply.data);
    });
    let reason = 'it ended';
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      for (const { reject } of calls.values()) reject(ended(reason));
      calls.clear();
    });
    return worker;
  }
}

function ended(reason: string): EngineError {
  return new EngineError({ where: "serve: the model's thread", problem: reason, remedy: 'ask again' });
}

function start(folder: string, workerFile: string | URL): Promise<{ worker: Worker; ready: ModelReady }> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerFile, { workerData: { folder } });
    const fail = (error: unknown) => {
      void worker.terminate();
      reject(error);
    };
    const endedEarly = () => reject(ended('it ended before the model was loaded'));
    worker.once('error', fail);
    worker.once('exit', endedEarly);
    worker.once('message', (reply: ModelReply) => {
      worker.off('error', fail);
      worker.off('exit', endedEarly);
      if ('ready' in reply) resolve({ worker, ready: reply.ready });
      else fail('failed' in reply ? receiveError(reply.failed) : new Error('an unknown message of the thread'));
    });
  });
}
