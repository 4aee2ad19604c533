import { type Context, checkPositive, checkShape, formatShape, type OptionNames, ShapeError } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { checkHeads, MASKED_SCORE, mergeHeads, scaledDotProductAttention, splitHeads } from './attention.js';
import { checkLayer } from './check-layer.js';
import { Dropout } from './dropout.js';
import type { Generator } from './generator.js';
import { xavierUniform, zeros } from './init.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import { parameter } from './parameter.js';

/** Options of {@link MultiheadAttention}. */
export interface MultiheadAttentionOptions {
  readonly generator: Generator;
  /** On the attention weights, in training. Default 0. */
  readonly dropout?: number;
  /** Of the input and output projections. Default true. */
  readonly bias?: boolean;
  /** Width of the keys; default embedDim. */
  readonly kdim?: number;
  /** Width of the values; default embedDim. */
  readonly vdim?: number;
}

const OPTIONS: OptionNames<MultiheadAttentionOptions> = {
  generator: 'required',
  dropout: 'optional',
  bias: 'optional',
  kdim: 'optional',
  vdim: 'optional',
};

/** Options of a {@link MultiheadAttention} call. */
export interface AttendOptions {
  /** [B, keys], 1 (or true) = ignore the key: torch's `key_padding_mask`, the inverse of an attention mask. */
  readonly keyPaddingMask?: tf.Tensor2D;
  /**
   * [queries, keys], [B * heads, queries, keys] or [B, heads, queries, keys]. float32 is added to the scores (-Infinity
   * hides a key); int32 and bool mean 1 = not allowed, as torch's boolean `attn_mask`.
   */
  readonly attentionMask?: tf.Tensor;
  /** Also return the weights. Default true. */
  readonly needWeights?: boolean;
  /** Mean of the weights over the heads, [B, queries, keys]; false: [B, heads, queries, keys]. Default true. */
  readonly averageWeights?: boolean;
}

/** What {@link MultiheadAttention} gives. */
export interface MultiheadAttentionOutput {
  /** [B, queries, embedDim]. */
  readonly output: tf.Tensor3D;
  /** As asked by `averageWeights`, before dropout; absent with `needWeights: false`. */
  readonly weights?: tf.Tensor3D | tf.Tensor4D;
}

/** The same with the weights of each head. */
export interface AttentionOfHeads extends MultiheadAttentionOutput {
  readonly weights: tf.Tensor4D;
}

/**
 * torch.nn.MultiheadAttention with `batch_first=True` (Vaswani et al. 2017), with torch's parameters: `in_proj_weight`
 * [3E, E] with rows for queries, keys, values (or `q_proj_weight`, `k_proj_weight`, `v_proj_weight` where kdim or vdim
 * differ), `in_proj_bias` [3E], `out_proj`.
 *
 * A query that may see no key at all gets weights of zero, so its output is the bias of `out_proj` (torch gives NaN).
 */
export class MultiheadAttention extends Module {
  readonly inProjWeight: tf.Variable<tf.Rank.R2> | undefined;
  readonly qProjWeight: tf.Variable<tf.Rank.R2> | undefined;
  readonly kProjWeight: tf.Variable<tf.Rank.R2> | undefined;
  readonly vProjWeight: tf.Variable<tf.Rank.R2> | undefined;
  readonly inProjBias: tf.Variable<tf.Rank.R1> | undefined;
  readonly outProj: Linear;
  readonly dropout: Dropout;
  readonly kdim: number;
  readonly vdim: number;

  /** @throws ConfigError if the heads do not divide embedDim */
  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    options: MultiheadAttentionOptions,
  ) {
    super();
    checkLayer('nn.MultiheadAttention', { embedDim, numHeads }, options, OPTIONS);
    const { generator, dropout = 0, bias = true, kdim = embedDim, vdim = embedDim } = options;
    checkPositive('nn.MultiheadAttention', 'kdim', kdim);
    checkPositive('nn.MultiheadAttention', 'vdim', vdim);
    checkHeads('nn.MultiheadAttention', 'embedDim', embedDim, numHeads);
    // before the first parameter: it may refuse its probability
    this.dropout = new Dropout(dropout);
    this.kdim = kdim;
    this.vdim = vdim;
    const xavier = xavierUniform();
    if (kdim === embedDim && vdim === embedDim) {
      this.inProjWeight = parameter(xavier([3 * embedDim, embedDim], generator));
    } else {
      this.qProjWeight = parameter(xavier([embedDim, embedDim], generator));
      this.kProjWeight = parameter(xavier([embedDim, kdim], generator));
      this.vProjWeight = parameter(xavier([embedDim, vdim], generator));
    }
    this.inProjBias = bias ? parameter(tf.zeros([3 * embedDim])) : undefined;
    this.outProj = new Linear(embedDim, embedDim, { generator, bias, biasInit: zeros });
  }

  /**
   * @param query [B, queries, embedDim]
   * @param key [B, keys, kdim]; the same tensor as query and value for self-attention, which then takes one product
   * @param value [B, keys, vdim]
   * @throws ShapeError if a tensor or mask does not fit
   */
  forward(
    query: tf.Tensor3D,
    key: tf.Tensor3D,
    value: tf.Tensor3D,
    options: AttendOptions & { readonly needWeights?: true; readonly averageWeights: false },
    context: Context,
  ): AttentionOfHeads;
  forward(
    query: tf.Tensor3D,
    key: tf.Tensor3D,
    value: tf.Tensor3D,
    options: AttendOptions,
    context: Context,
  ): MultiheadAttentionOutput;
  forward(
    query: tf.Tensor3D,
    key: tf.Tensor3D,
    value: tf.Tensor3D,
    options: AttendOptions,
    context: Context,
  ): MultiheadAttentionOutput {
    const { needWeights = true, averageWeights = true } = options;
    const where = 'nn.MultiheadAttention';
    checkShape(where, 'query', query, ['B', 'Tq', this.embedDim]);
    const [batch, queries] = query.shape;
    checkShape(where, 'key', key, [batch, 'Tk', this.kdim]);
    const keys = key.shape[1];
    checkShape(where, 'value', value, [batch, keys, this.vdim]);

    const [q, k, v] = this.#project(query, key, value).map((x) => splitHeads(x, this.numHeads)) as Heads;
    const visible = this.#visibleKeys(options, batch, queries, keys);
    const hide = visible && tf.mul(tf.sub(1, visible), MASKED_SCORE);
    const added = this.#addedScores(options, batch, queries, keys);
    const bias = hide && added ? tf.add(hide, added) : (hide ?? added);
    const anyVisible = visible && tf.max(visible, -1, true);
    // zeroed rows belong to the weights that callers see, dropped ones do not
    const { output, weights } = scaledDotProductAttention(q, k, v, {
      bias,
      transformWeights: (w) => this.dropout.forward(anyVisible ? tf.mul(w, anyVisible) : w, context),
    });
    const merged = this.outProj.forward(mergeHeads(output)); // [B, Tq, E]
    if (!needWeights) return { output: merged };
    const shown: tf.Tensor4D = anyVisible ? tf.mul(weights, anyVisible) : weights;
    return { output: merged, weights: averageWeights ? tf.mean<tf.Tensor3D>(shown, 1) : shown };
  }

  /** Queries, keys and values in the width of the model, [B, T, embedDim] each. */
  #project(query: tf.Tensor3D, key: tf.Tensor3D, value: tf.Tensor3D): tf.Tensor3D[] {
    if (this.inProjWeight && query === key && key === value) {
      return tf.split(linear(query, this.inProjWeight, this.inProjBias), 3, 2);
    }
    const weights: tf.Tensor2D[] = this.inProjWeight
      ? tf.split(this.inProjWeight, 3, 0)
      : [this.qProjWeight!, this.kProjWeight!, this.vProjWeight!];
    const biases: tf.Tensor1D[] = this.inProjBias ? tf.split(this.inProjBias, 3, 0) : [];
    return [query, key, value].map((x, i) => linear(x, weights[i]!, biases[i]));
  }

  /** float32, 1 where a query may see a key, broadcasting to [B, heads, queries, keys]; undefined without such masks. */
  #visibleKeys(options: AttendOptions, batch: number, queries: number, keys: number): tf.Tensor | undefined {
    const { keyPaddingMask, attentionMask } = options;
    let visible: tf.Tensor | undefined;
    if (keyPaddingMask) {
      checkShape('nn.MultiheadAttention', 'keyPaddingMask', keyPaddingMask, [batch, keys]);
      visible = tf.reshape(tf.sub(1, tf.cast(keyPaddingMask, 'float32')), [batch, 1, 1, keys]);
    }
    if (attentionMask) {
      const mask = this.#alignMask(attentionMask, batch, queries, keys);
      const allowed =
        mask.dtype === 'float32'
          ? tf.cast(tf.greater(mask, MASKED_SCORE / 2), 'float32')
          : tf.sub(1, tf.cast(mask, 'float32'));
      visible = visible ? tf.mul(visible, allowed) : allowed;
    }
    return visible;
  }

  /** Finite part of a float mask: what it adds to the scores of visible keys. */
  #addedScores(options: AttendOptions, batch: number, queries: number, keys: number): tf.Tensor | undefined {
    if (options.attentionMask?.dtype !== 'float32') return undefined;
    return tf.maximum(this.#alignMask(options.attentionMask, batch, queries, keys), MASKED_SCORE);
  }

  #alignMask(mask: tf.Tensor, batch: number, queries: number, keys: number): tf.Tensor4D {
    const full = [batch, this.numHeads, queries, keys];
    const stacked = [batch * this.numHeads, queries, keys];
    const plain = [queries, keys];
    const same = (shape: number[]) => formatShape(shape) === formatShape(mask.shape);
    if (same(plain)) return tf.reshape(mask, [1, 1, queries, keys]);
    if (same(stacked) || same(full)) return tf.reshape(mask, full as [number, number, number, number]);
    throw new ShapeError({
      where: 'nn.MultiheadAttention',
      expected: `attentionMask of shape ${[plain, stacked, full].map(formatShape).join(' or ')}`,
      got: formatShape(mask.shape),
    });
  }
}

type Heads = [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];

/** x W^T + b on the last axis of [B, T, in]. */
function linear(x: tf.Tensor3D, weight: tf.Tensor2D, bias: tf.Tensor1D | undefined): tf.Tensor3D {
  const [batch, length, width] = x.shape;
  const product = tf.matMul(tf.reshape(x, [batch * length, width]), weight, false, true);
  return tf.reshape(bias ? tf.add(product, bias) : product, [batch, length, weight.shape[0]]);
}
