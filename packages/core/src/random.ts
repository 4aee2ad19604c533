import type { Tensor1D } from '@tensorflow/tfjs-core';
import { philox4x32, wordToUniform } from './philox.js';

/**
 * The random stream of a model call. It lives in a tensor, so that a compiled step can be replayed with another step
 * number: int32 [3] = seed, step, offset of the batch's first row in the whole batch.
 */
export interface RandomStream {
  readonly state: Tensor1D;
}

/**
 * What a model call is for. Training carries the random stream that dropout draws from; inference draws nothing.
 * There is no global mode and no hidden randomness.
 */
export type Context = { readonly training: false } | { readonly training: true; readonly random: RandomStream };

/** The context of every call that does not train. */
export const inference: Context = Object.freeze({ training: false });

/**
 * What a data transform is called for: one item of one epoch. Its random draws depend on (seed, epoch, item) and the
 * transform's own site only, so they are the same whatever the number of workers and the order of work.
 */
export interface SampleContext {
  readonly training: boolean;
  readonly seed: number;
  readonly epoch: number;
  /** Position of the item in its source, stable over epochs. */
  readonly item: number;
}

/** The context of a transform that draws nothing. */
export const plainSample: SampleContext = Object.freeze({ training: false, seed: 0, epoch: 0, item: 0 });

/**
 * Random numbers for one transform of one item: Philox with key (seed, epoch) and counter (index, item, 0, site).
 */
export class SampleRandom {
  #index = 0;
  #words: number[] = [];
  readonly #context: SampleContext;
  readonly #site: number;

  /** @param site the transform's own number, see `siteOf`; two transforms of one pipeline need two sites */
  constructor(context: SampleContext, site: number) {
    this.#context = context;
    this.#site = site;
  }

  /** Next unsigned 32-bit word. */
  word(): number {
    if (this.#words.length === 0) {
      const { seed, epoch, item } = this.#context;
      this.#words = philox4x32(
        [this.#index++, item >>> 0, Math.floor(item / 2 ** 32), this.#site],
        [seed >>> 0, epoch >>> 0],
      );
    }
    return this.#words.shift()!;
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * wordToUniform(this.word());
  }

  /** Integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor((this.word() / 2 ** 32) * bound);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }
}
