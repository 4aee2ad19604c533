import {
  buffersOf,
  ConfigError,
  type Context,
  checkLossOutput,
  checkOptions,
  type Loss,
  type LossBatch,
  type LossOutput,
  type LossSetting,
  type OptionNames,
  parametersOf,
  type TowerOutputs,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { isUnder } from '../tower-of.js';

/** One term of a {@link WeightedSum}. */
export interface WeightedTerm<Outputs extends TowerOutputs = TowerOutputs> {
  readonly loss: Loss<Outputs>;
  /** Default 1. */
  readonly weight?: number;
  /** Of the term and of its parts in the log. */
  readonly name: string;
}

const TERM: OptionNames<WeightedTerm> = { loss: 'required', name: 'required', weight: 'optional' };

/**
 * `sum_k weight_k * loss_k`. Parts: each term's unweighted loss under its name, and the term's own parts as `name.part`.
 *
 * It asks of the model what its most demanding term asks.
 */
export class WeightedSum<Outputs extends TowerOutputs = TowerOutputs> implements Loss<Outputs> {
  readonly terms: readonly WeightedTerm<Outputs>[];

  /** @throws ConfigError if there is no term, or two have one name */
  constructor(terms: readonly WeightedTerm<Outputs>[]) {
    if (!Array.isArray(terms)) {
      throw new ConfigError({
        where: 'train.WeightedSum',
        expected: 'a list of { name, loss, weight }',
        got: terms === null ? 'null' : typeof terms,
        remedy: "new WeightedSum([{ name: 'contrastive', loss: new InfoNCE() }, …])",
      });
    }
    for (const [index, term] of terms.entries()) {
      checkOptions<WeightedTerm<Outputs>>(`train.WeightedSum: [${index}]`, term, TERM);
      if (typeof term.loss?.compute === 'function') continue;
      throw new ConfigError({
        where: `train.WeightedSum: ${term.name}`,
        expected: 'a loss with compute(outputs, batch, context)',
        got: typeof term.loss,
        remedy: 'new InfoNCE(), or a class of your own that extends StatelessLoss',
      });
    }
    const names = terms.map(({ name }) => name);
    if (terms.length === 0 || new Set(names).size < names.length) {
      throw new ConfigError({
        where: 'train.WeightedSum',
        expected: 'at least one term, each with a name of its own',
        got: `[${names.join(', ')}]`,
      });
    }
    this.terms = terms;
  }

  /** What its terms need. */
  get needs(): readonly string[] {
    return [...new Set(this.terms.flatMap(({ loss }) => loss.needs ?? []))];
  }

  /** What all of its terms ignore. */
  get ignores(): readonly string[] {
    const ignored = this.terms.map(({ loss }) => loss.ignores ?? []);
    return [...new Set(ignored.flat())].filter((part) => ignored.every((parts) => isUnder(parts, part)));
  }

  /** @throws ConfigError if a term cannot be computed so */
  check(setting: LossSetting): void {
    for (const { loss } of this.terms) loss.check?.(setting);
  }

  /** @throws ShapeError that names the term whose loss or part is no scalar */
  compute(outputs: Outputs, batch: LossBatch, context: Context): LossOutput {
    const parts: Record<string, tf.Tensor> = {};
    const weighted = this.terms.map(({ loss, weight = 1, name }) => {
      const term = checkLossOutput(`train.WeightedSum: ${name}`, loss.compute(outputs, batch, context));
      parts[name] = term.loss;
      // a loss that reports itself under one name would appear twice
      for (const [part, value] of Object.entries(term.parts)) {
        if (value !== term.loss) parts[`${name}.${part}`] = value;
      }
      return tf.mul(term.loss, weight);
    });
    return { loss: tf.addN(weighted), parts };
  }

  namedParameters() {
    return this.terms.flatMap(({ name, loss }) => parametersOf(loss, name));
  }

  namedBuffers() {
    return this.terms.flatMap(({ name, loss }) => buffersOf(loss, name));
  }

  dispose(): void {
    for (const { loss } of this.terms) loss.dispose();
  }
}
