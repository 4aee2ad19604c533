import type { Context } from '@diptych/core';
import {
  type Activation,
  activate,
  Dropout,
  type Generator,
  LayerNorm,
  Linear,
  Module,
  mergeHeads,
  normal,
  scaledDotProductAttention,
  splitHeads,
  zeros,
} from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import type { ResolvedBertConfig } from './resolve-bert-config.js';

// The modules are cut as transformers cuts them, since their property paths are the names of the parameters.

function linear(inFeatures: number, outFeatures: number, generator: Generator): Linear {
  return new Linear(inFeatures, outFeatures, { generator, init: normal(0.02), biasInit: zeros });
}

/** `attention.self`: multi-head self-attention without its output layer. */
class BertSelfAttention extends Module {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly dropout: Dropout;
  readonly numHeads: number;

  constructor(config: ResolvedBertConfig, generator: Generator) {
    super();
    const { hiddenSize } = config;
    this.numHeads = config.numHeads;
    this.query = linear(hiddenSize, hiddenSize, generator);
    this.key = linear(hiddenSize, hiddenSize, generator);
    this.value = linear(hiddenSize, hiddenSize, generator);
    this.dropout = new Dropout(config.attentionDropout);
  }

  forward(x: tf.Tensor3D, bias: tf.Tensor4D, context: Context): tf.Tensor3D {
    const heads = (layer: Linear) => splitHeads(layer.forward(x), this.numHeads); // [B, heads, T, headDim]
    const { output } = scaledDotProductAttention(heads(this.query), heads(this.key), heads(this.value), {
      bias,
      transformWeights: (weights) => this.dropout.forward(weights, context),
    });
    return mergeHeads(output); // [B, T, D]
  }
}

/** `attention.output` and `output`: a linear layer, dropout, the residual sum, normalisation. */
class BertOutput extends Module {
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(inFeatures: number, config: ResolvedBertConfig, generator: Generator) {
    super();
    this.dense = linear(inFeatures, config.hiddenSize, generator);
    this.LayerNorm = new LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.dropout = new Dropout(config.dropout);
  }

  forward(x: tf.Tensor3D, residual: tf.Tensor3D, context: Context): tf.Tensor3D {
    return this.LayerNorm.forward(tf.add(this.dropout.forward(this.dense.forward(x), context), residual));
  }
}

/** `attention`. */
class BertAttention extends Module {
  readonly self: BertSelfAttention;
  readonly output: BertOutput;

  constructor(config: ResolvedBertConfig, generator: Generator) {
    super();
    this.self = new BertSelfAttention(config, generator);
    this.output = new BertOutput(config.hiddenSize, config, generator);
  }

  forward(x: tf.Tensor3D, bias: tf.Tensor4D, context: Context): tf.Tensor3D {
    return this.output.forward(this.self.forward(x, bias, context), x, context);
  }
}

/** `intermediate`: the wide half of the feed-forward part. */
class BertIntermediate extends Module {
  readonly dense: Linear;
  readonly activation: Activation;

  constructor({ hiddenSize, intermediateSize, activation }: ResolvedBertConfig, generator: Generator) {
    super();
    this.dense = linear(hiddenSize, intermediateSize, generator);
    this.activation = activation;
  }

  forward(x: tf.Tensor3D): tf.Tensor3D {
    return activate(this.dense.forward(x), this.activation);
  }
}

/** One layer of BERT, normalisation last (Devlin et al. 2019). */
export class BertLayer extends Module {
  readonly attention: BertAttention;
  readonly intermediate: BertIntermediate;
  readonly output: BertOutput;

  constructor(config: ResolvedBertConfig, generator: Generator) {
    super();
    this.attention = new BertAttention(config, generator);
    this.intermediate = new BertIntermediate(config, generator);
    this.output = new BertOutput(config.intermediateSize, config, generator);
  }

  /**
   * [B, T, D] -> the same.
   *
   * @param bias [B, 1, 1, T], added to the attention scores
   */
  forward(x: tf.Tensor3D, bias: tf.Tensor4D, context: Context): tf.Tensor3D {
    const attended = this.attention.forward(x, bias, context);
    return this.output.forward(this.intermediate.forward(attended), attended, context);
  }
}
