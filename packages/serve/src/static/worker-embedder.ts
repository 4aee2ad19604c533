import { HttpError } from '../api/problem.js';
import type { EmbedAnswer, EmbedRequest } from './embed-messages.js';
import type { QueryEmbedder } from './static-client.js';

interface Waiting {
  readonly resolve: (vectors: readonly Float32Array[]) => void;
  readonly reject: (error: Error) => void;
}

/** The model, in a thread of its own, so that the page stays quick while it computes. */
export class WorkerEmbedder implements QueryEmbedder {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  constructor(worker: Worker, base: string) {
    this.#worker = worker;
    worker.postMessage({ base });
    worker.onmessage = ({ data }: MessageEvent<EmbedAnswer>) => this.#take(data);
    worker.onerror = ({ message }) => {
      for (const { reject } of this.#waiting.values())
        reject(broken(message || 'the thread of the model cannot start'));
      this.#waiting.clear();
    };
  }

  texts(texts: readonly string[]): Promise<readonly Float32Array[]> {
    return this.#ask({ texts });
  }

  async image(image: Blob): Promise<Float32Array> {
    return (await this.#ask({ image }))[0]!;
  }

  #ask(request: Omit<EmbedRequest, 'id'>): Promise<readonly Float32Array[]> {
    const id = this.#asked++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...request });
    });
  }

  #take({ id, vectors, problem }: EmbedAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (vectors) waiting?.resolve(vectors);
    else waiting?.reject(broken(problem!.message, problem!.isInput ? 415 : 503));
  }
}

function broken(problem: string, status: 415 | 503 = 503): HttpError {
  return new HttpError(status, { where: 'static search', problem });
}
