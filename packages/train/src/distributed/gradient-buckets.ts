import { type Communicator, lend } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** Elements of a bucket, 16 MiB: large enough that latency does not count, small enough to fill while another travels. */
const BUCKET_ELEMENTS = 4 * 2 ** 20;

/** Variables whose values go over the wire together. */
class Bucket {
  readonly #members: { readonly variable: tf.Variable; readonly start: number }[] = [];
  #values: Float32Array | undefined;
  length = 0;

  add(variable: tf.Variable): void {
    this.#members.push({ variable, start: this.length });
    this.length += variable.size;
  }

  /** Takes what the variables hold; what it gives back is to be summed up over ranks. */
  async read(): Promise<Float32Array> {
    this.#values ??= new Float32Array(this.length);
    const values = this.#values;
    for (const { variable, start } of this.#members) values.set(await variable.data<'float32'>(), start);
    return values;
  }

  /** Puts the sums into the variables. The bucket must not be filled again while they are read. */
  assign(): void {
    for (const { variable, start } of this.#members) {
      const values = lend(this.#values!.subarray(start, start + variable.size));
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
    }
  }
}

/** Sums of gradients on their way: begun as soon as they are known, awaited before the update. */
export class GradientBuckets {
  readonly #communicator: Communicator;
  readonly #buckets = new Map<string, Bucket[]>();
  #under: { readonly bucket: Bucket; readonly done: Promise<unknown> }[] = [];

  constructor(communicator: Communicator) {
    this.#communicator = communicator;
  }

  /** Begins to sum up, bucket by bucket; what was begun before goes first. Resolves when all is on its way. */
  async begin(variables: readonly tf.Variable[]): Promise<void> {
    if (variables.length === 0) return;
    for (const bucket of this.#bucketsOf(variables)) {
      const done = this.#communicator.allReduce(await bucket.read());
      // whoever awaits `finish` hears of a failure
      done.catch(() => {});
      this.#under.push({ bucket, done });
    }
    // what computes next holds this thread: let the communicator begin before
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Waits until all sums are there, and puts them into their variables. */
  async finish(): Promise<void> {
    const under = this.#under;
    this.#under = [];
    for (const { done } of under) await done;
    for (const { bucket } of under) bucket.assign();
  }

  /** The memory of buckets stays from step to step. */
  #bucketsOf(variables: readonly tf.Variable[]): Bucket[] {
    const key = variables.map(({ id }) => id).join();
    const known = this.#buckets.get(key);
    if (known) return known;
    const buckets: Bucket[] = [];
    for (const variable of variables) {
      const last = buckets.at(-1);
      if (last && last.length + variable.size <= BUCKET_ELEMENTS) last.add(variable);
      else {
        const bucket = new Bucket();
        bucket.add(variable);
        buckets.push(bucket);
      }
    }
    this.#buckets.set(key, buckets);
    return buckets;
  }
}
