import { ConfigError, checkList, checkOptions } from '@diptych/core';
import { type Compiled, compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** Options of the exponential moving average of weights. */
export interface EmaOptions {
  /** Share of the old average in the new one, e.g. 0.999. */
  readonly decay: number;
}

/**
 * Exponential moving average of variables (Polyak and Juditsky 1992): `average = d * average + (1 - d) * variable` after
 * each step, with `d = min(decay, (1 + step) / (10 + step))`, so that the first steps do not weigh for ever.
 *
 * Parameters and running statistics alike, as timm's ModelEmaV2 and V3 do: averaged weights with the statistics of the last
 * step's weights are another network.
 */
export class Ema {
  readonly #decay: number;
  readonly #variables: readonly (readonly [string, tf.Variable])[];
  readonly #averages: readonly tf.Variable[];
  readonly #update: Compiled<[decay: tf.Scalar], []>;

  /** @throws ConfigError unless the decay is in (0, 1) */
  constructor(variables: readonly (readonly [string, tf.Variable])[], options: EmaOptions) {
    checkList('train.Ema', 'the variables', variables);
    checkOptions('train.Ema', options, { decay: 'required' });
    const { decay } = options;
    if (!(decay > 0 && decay < 1)) {
      throw new ConfigError({ where: 'train.Ema', expected: 'decay in (0, 1)', got: String(decay) });
    }
    this.#decay = decay;
    this.#variables = variables;
    this.#averages = variables.map(([, variable]) => tf.tidy(() => tf.variable(tf.clone(variable), false)));
    this.#update = compile((d) => {
      for (const [i, average] of this.#averages.entries()) {
        const [, variable] = variables[i]!;
        average.assign(tf.add(tf.mul(average, d), tf.mul(variable, tf.sub(1, d))));
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

  /** The averages under their variables' names. */
  *namedAverages(): Iterable<[string, tf.Variable]> {
    for (const [i, [name]] of this.#variables.entries()) yield [name, this.#averages[i]!];
  }

  /** Exchanges variables and averages; the same again puts them back. */
  swap(): void {
    tf.tidy(() => {
      for (const [i, [, variable]] of this.#variables.entries()) {
        const average = this.#averages[i]!;
        const held = tf.clone(variable);
        variable.assign(average);
        average.assign(held);
      }
    });
  }

  /** Frees the averages. The variables stay. */
  dispose(): void {
    this.#update.dispose();
    tf.dispose([...this.#averages]);
  }
}
