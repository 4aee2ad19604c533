import {
  ConfigError,
  checkOptions,
  type LossBatch,
  type LossOutput,
  type LossSetting,
  type OptionNames,
  type TowerOutputs,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { StatelessLoss } from '../losses/stateless-loss.js';
import { predictionsOf } from './predictions.js';

/** Options of {@link LabelLoss}. */
export interface LabelLossOptions {
  /** How much each head counts; 0 leaves one out. Default 1 each. */
  readonly weights?: { readonly [head: string]: number };
}

const OPTIONS: OptionNames<LabelLossOptions> = { weights: 'optional' };

/**
 * The losses of a model's heads on the labels of their names: head `group` learns the column `group` of `batch.labels`. The sum over
 * the heads, by weight. Parts: each head's own loss under its name.
 */
export class LabelLoss extends StatelessLoss {
  readonly weights: { readonly [head: string]: number };

  /** @throws ConfigError if a weight is below 0 */
  constructor(options: LabelLossOptions = {}) {
    super();
    checkOptions('train.LabelLoss', options, OPTIONS);
    const { weights = {} } = options;
    for (const [head, weight] of Object.entries(weights)) {
      if (weight >= 0) continue;
      throw new ConfigError({ where: `train.LabelLoss: ${head}`, expected: 'a weight from 0', got: String(weight) });
    }
    this.weights = weights;
  }

  /** Some head, and those that have a weight. */
  get needs(): readonly string[] {
    return ['heads', ...Object.keys(this.weights).map((name) => `heads.${name}`)];
  }

  /** Heads of weight 0, and the matcher. */
  get ignores(): readonly string[] {
    const without = Object.keys(this.weights).filter((name) => this.weights[name] === 0);
    return ['matcher', ...without.map((name) => `heads.${name}`)];
  }

  /** @throws ConfigError if no head of the model learns, or the batches have no labels for one that does */
  check({ heads, labels }: LossSetting): void {
    if (!heads) return;
    const used = this.#usedOf(heads);
    const missing = labels && used.find((name) => !labels.includes(name));
    if (missing !== undefined) throw noLabels(missing, labels!);
  }

  /** @throws ConfigError if the model has no heads, or the batch no labels for one */
  override compute(outputs: TowerOutputs, batch: LossBatch): LossOutput {
    const { heads = {} } = outputs;
    const used = this.#usedOf(heads);
    const predictions = predictionsOf(outputs, used);
    const parts: Record<string, tf.Tensor> = {};
    const terms = used.map((name) => {
      const labels = batch.labels?.[name];
      if (!labels) throw noLabels(name, Object.keys(batch.labels ?? {}));
      parts[name] = heads[name]!.loss(predictions[name]!, labels);
      return tf.mul(parts[name], this.weights[name] ?? 1);
    });
    return { loss: tf.addN(terms), parts };
  }

  /** Names of the heads that learn. */
  #usedOf(heads: NonNullable<TowerOutputs['heads']>): readonly string[] {
    const names = Object.keys(heads);
    const unknown = Object.keys(this.weights).find((name) => !names.includes(name));
    if (names.length === 0 || unknown !== undefined) {
      throw new ConfigError({
        where: 'train.LabelLoss',
        problem: unknown === undefined ? 'the model has no heads' : `the model has no head ${JSON.stringify(unknown)}`,
        remedy:
          'build it with one: new MultiModalEncoder({ image, text, fusion, heads: { group: new Classification({ … }) } })',
      });
    }
    const used = names.filter((name) => this.weights[name] !== 0);
    if (used.length > 0) return used;
    throw new ConfigError({
      where: 'train.LabelLoss: weights',
      expected: `a weight above 0 for one of the heads ${names.join(', ')}`,
      got: JSON.stringify(this.weights),
      remedy: 'raise one, or leave the loss out',
    });
  }
}

function noLabels(head: string, columns: readonly string[]): ConfigError {
  return new ConfigError({
    where: `train.LabelLoss: ${head}`,
    expected: `a column ${JSON.stringify(head)} of labels in the batches`,
    got: columns.length > 0 ? columns.join(', ') : 'no labels',
    remedy: `name the column in the source (labels: { ${head}: 'class' }), or give the head weight 0`,
  });
}
