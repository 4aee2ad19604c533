import {
  ConfigError,
  type Context,
  checkOptions,
  type Encoded,
  type Loss,
  type LossBatch,
  type LossOutput,
  type LossSetting,
  type NegativeRows,
  type OptionNames,
  type TowerOutputs,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** Options of {@link Matryoshka}. */
export interface MatryoshkaOptions {
  /** The loss that each width gets. */
  readonly loss: Loss<TowerOutputs>;
  /** Widths, each at most the model's embedDim: [64, 128, 256, 768]. */
  readonly dims: readonly number[];
  /** Of each width, default 1 / number of widths. */
  readonly weights?: readonly number[];
}

/** Parts that read vectors of the model's own width. */
const WHOLE = ['fusion', 'matcher', 'heads'];

const OPTIONS: OptionNames<MatryoshkaOptions> = { loss: 'required', dims: 'required', weights: 'optional' };

/**
 * The same loss on the first d entries of both towers' vectors, for several d, so that vectors can be cut to any of these
 * widths after training (Kusupati et al. 2022). Parts: `dim<d>`.
 */
export class Matryoshka implements Loss<TowerOutputs> {
  readonly loss: Loss<TowerOutputs>;
  readonly dims: readonly number[];
  readonly weights: readonly number[];

  /** @throws ConfigError if widths are no rising whole numbers, the weights are not as many, or the loss reads more than the towers */
  constructor(options: MatryoshkaOptions) {
    checkOptions('train.Matryoshka', options, OPTIONS);
    const { loss, dims } = options;
    if (typeof loss?.compute !== 'function' || !Array.isArray(dims)) {
      throw new ConfigError({
        where: 'train.Matryoshka',
        expected: 'a loss and a list of widths',
        got: `loss ${typeof loss}, dims ${typeof dims}`,
        remedy: 'new Matryoshka({ loss: new InfoNCE(), dims: [64, 128, 256] })',
      });
    }
    const more = loss.needs?.map((need) => need.split('.', 1)[0]!).find((part) => WHOLE.includes(part));
    if (more !== undefined) {
      throw new ConfigError({
        where: 'train.Matryoshka: loss',
        expected: "a loss on the towers' vectors alone, which are cut",
        got: `one that reads ${more}, which takes them whole`,
        remedy:
          'put it beside: new WeightedSum([{ name: "widths", loss: new Matryoshka({ … }) }, { name: "whole", loss }])',
      });
    }
    const { weights = dims.map(() => 1 / dims.length) } = options;
    const rising = dims.every((d, i) => Number.isInteger(d) && d > (dims[i - 1] ?? 0));
    if (dims.length === 0 || !rising || weights.length !== dims.length) {
      throw new ConfigError({
        where: 'train.Matryoshka',
        expected: 'rising widths, and as many weights',
        got: `dims [${dims.join(', ')}], weights [${weights.join(', ')}]`,
      });
    }
    this.loss = loss;
    this.dims = dims;
    this.weights = weights;
  }

  get needs(): readonly string[] {
    return this.loss.needs ?? [];
  }

  get ignores(): readonly string[] {
    return this.loss.ignores ?? [];
  }

  /** @throws ConfigError if a width exceeds the model's, or the loss cannot be computed at one of them */
  check(setting: LossSetting): void {
    if (setting.embedDim !== undefined) this.#checkWidths(setting.embedDim);
    for (const embedDim of this.dims) this.loss.check?.({ ...setting, embedDim });
  }

  /** @throws ConfigError if a width exceeds the model's */
  compute(outputs: TowerOutputs, batch: LossBatch, context: Context): LossOutput {
    this.#checkWidths(outputs.image.pooled.shape[1]);
    const parts: Record<string, tf.Tensor> = {};
    const weighted = this.dims.map((dim, i) => {
      const cut = { ...outputs, image: cutTo(outputs.image, dim), text: cutTo(outputs.text, dim) };
      const { loss } = this.loss.compute(cut, { ...batch, negatives: cutNegatives(batch.negatives, dim) }, context);
      parts[`dim${dim}`] = loss;
      return tf.mul(loss, this.weights[i]!);
    });
    return { loss: tf.addN(weighted), parts };
  }

  #checkWidths(embedDim: number): void {
    if (this.dims.at(-1)! <= embedDim) return;
    throw new ConfigError({
      where: 'train.Matryoshka: dims',
      expected: `widths of at most ${embedDim}, the model's embedDim`,
      got: `[${this.dims.join(', ')}]`,
      remedy: 'leave out the wider ones, or build the model with a larger embedDim',
    });
  }

  namedParameters() {
    return this.loss.namedParameters();
  }

  namedBuffers() {
    return this.loss.namedBuffers();
  }

  dispose(): void {
    this.loss.dispose();
  }
}

function cutNegatives({ image, text }: LossBatch['negatives'] = {}, dim: number): LossBatch['negatives'] {
  const cut = (rows: NegativeRows | undefined) => rows && { ...rows, pooled: cutRows(rows.pooled, dim) };
  return { image: cut(image), text: cut(text) };
}

function cutTo(output: Encoded, dim: number): Encoded {
  return {
    pooled: cutRows(output.pooled, dim),
    get sequence() {
      return tf.slice(output.sequence, [0, 0, 0], [-1, -1, dim]);
    },
    mask: output.mask,
  };
}

function cutRows(rows: tf.Tensor2D, dim: number): tf.Tensor2D {
  return tf.slice(rows, [0, 0], [rows.shape[0], dim]);
}
