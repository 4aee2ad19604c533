import { ConfigError } from '@diptych/core';
import { type Compiled, compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** Options of the exponential moving average of weights. */
export interface EmaOptions {
  /** Share of the old average in the new one, e.g. 0.999. */
  readonly decay: number;
}

/**
 * Exponential moving average of parameters (Polyak and Juditsky 1992): `average = d * average + (1 - d) * parameter` after
 * each step, with `d = min(decay, (1 + step) / (10 + step))`, so that the first steps do not weigh for ever.
 */
export class Ema {
  readonly #decay: number;
  readonly #parameters: readonly (readonly [string, tf.Variable])[];
  readonly #averages: readonly tf.Variable[];
  readonly #update: Compiled<[decay: tf.Scalar], []>;

  /** @throws ConfigError unless the decay is in (0, 1) */
  constructor(parameters: readonly (readonly [string, tf.Variable])[], { decay }: EmaOptions) {
    if (!(decay > 0 && decay < 1)) {
      throw new ConfigError({ where: 'train.Ema', expected: 'decay in (0, 1)', got: String(decay) });
    }
    this.#decay = decay;
    this.#parameters = parameters;
    this.#averages = parameters.map(([, variable]) => tf.tidy(() => tf.variable(tf.clone(variable), false)));
    this.#update = compile((d) => {
      for (const [i, average] of this.#averages.entries()) {
        const [, parameter] = parameters[i]!;
        average.assign(tf.add(tf.mul(average, d), tf.mul(parameter, tf.sub(1, d))));
      }
      return [];
    });
  }

  /** @param step steps done so far */
  update(step: number): void {
    const d = tf.scalar(Math.min(this.#decay, (1 + step) / (10 + step)));
    this.#update(d);
    d.dispose();
  }

  /** The averages under their parameters' names. */
  *namedAverages(): Iterable<[string, tf.Variable]> {
    for (const [i, [name]] of this.#parameters.entries()) yield [name, this.#averages[i]!];
  }

  /** Exchanges parameters and averages; the same again puts them back. */
  swap(): void {
    tf.tidy(() => {
      for (const [i, [, parameter]] of this.#parameters.entries()) {
        const average = this.#averages[i]!;
        const held = tf.clone(parameter);
        parameter.assign(average);
        average.assign(held);
      }
    });
  }

  dispose(): void {
    this.#update.dispose();
    tf.dispose([...this.#averages]);
  }
}
