import {
  ConfigError,
  type Context,
  type EncoderOutput,
  type PartDescription,
  type TextEncoder,
  type TextInput,
} from '@diptych/core';
import {
  attentionBias,
  type Generator,
  generatorOf,
  Linear,
  l2Normalize,
  Module,
  normal,
  type RandomWeights,
  zeros,
} from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { checkPositive } from '../config-checks.js';
import { poolSequence, type SequencePooling, tokenAt } from '../pooling.js';
import { checkTokens } from '../token-input.js';
import type { BertConfig, BertName } from './bert-configs.js';
import { BertEmbeddings } from './bert-embeddings.js';
import { BertLayer } from './bert-layer.js';
import { longestRow, type ResolvedBertConfig, resolveBertConfig } from './resolve-bert-config.js';

/** How a {@link Bert} makes one vector of its tokens; `pooler` is BERT's own tanh(dense(first token)). */
export type BertPooling = SequencePooling | 'pooler';

/** Options of {@link Bert}. */
export interface BertOptions extends RandomWeights {
  /** Width of the result: adds `projection`, a linear layer from hiddenSize. Without it the result has hiddenSize. */
  readonly embedDim?: number;
  /** Default `cls`. */
  readonly pooling?: BertPooling;
  /** Scale `pooled` to length 1, as sentence-transformers' Normalize. Default false. */
  readonly normalize?: boolean;
  /** Keep `pooler.dense` also where `pooling` does not use it. Default: only with pooling `pooler`. */
  readonly addPoolingLayer?: boolean;
}

/** `encoder`: the stack of layers. */
class BertEncoder extends Module {
  readonly layer: readonly BertLayer[];

  constructor(config: ResolvedBertConfig, generator: Generator) {
    super();
    this.layer = Array.from({ length: config.numHiddenLayers }, () => new BertLayer(config, generator));
  }
}

/** `pooler`: tanh(dense(first token)). */
class BertPooler extends Module {
  readonly dense: Linear;

  constructor({ hiddenSize }: ResolvedBertConfig, generator: Generator) {
    super();
    this.dense = new Linear(hiddenSize, hiddenSize, { generator, init: normal(0.02), biasInit: zeros });
  }

  forward(firstToken: tf.Tensor2D): tf.Tensor2D {
    return tf.tanh(this.dense.forward(firstToken));
  }
}

/**
 * BERT and its kin: BERT, RoBERTa, DistilBERT, MiniLM (see `BERT_CONFIGS` for papers and sizes), with the parameter
 * names of transformers' `BertModel` for all of them.
 *
 * `sequence` is the last hidden state, `pooled` one vector made of it; both pass through `projection` where `embedDim`
 * asks for it. Rows may have any length up to `maxLength`.
 */
export class Bert extends Module implements TextEncoder {
  readonly embeddings: BertEmbeddings;
  readonly encoder: BertEncoder;
  readonly pooler: BertPooler | undefined;
  readonly projection: Linear | undefined;
  readonly architecture: BertName | BertConfig;
  readonly config: ResolvedBertConfig;
  readonly embedDim: number;
  readonly pooling: BertPooling;
  readonly normalize: boolean;

  /**
   * @param architecture a name of `BERT_CONFIGS`, or a configuration of one's own
   * @throws ConfigError if the name is unknown or the configuration makes no model
   */
  constructor(architecture: BertName | BertConfig, options: BertOptions = {}) {
    super();
    this.architecture = architecture;
    this.config = resolveBertConfig(architecture);
    this.pooling = options.pooling ?? 'cls';
    this.normalize = options.normalize ?? false;
    const { embedDim, addPoolingLayer = this.pooling === 'pooler' } = options;
    if (this.pooling === 'pooler' && !addPoolingLayer) {
      throw new ConfigError({ where: 'text.Bert', problem: "pooling 'pooler' needs addPoolingLayer" });
    }
    if (embedDim !== undefined) checkPositive('text.Bert', 'embedDim', embedDim);
    const generator = generatorOf(options);
    this.embeddings = new BertEmbeddings(this.config, generator);
    this.encoder = new BertEncoder(this.config, generator);
    this.pooler = addPoolingLayer ? new BertPooler(this.config, generator) : undefined;
    const { hiddenSize } = this.config;
    this.projection = embedDim === undefined ? undefined : new Linear(hiddenSize, embedDim, { generator });
    this.embedDim = embedDim ?? hiddenSize;
  }

  /** Longest row of tokens that it has positions for. */
  get maxLength(): number {
    return longestRow(this.config);
  }

  /**
   * int32 [B, T] -> `pooled` [B, embedDim], `sequence` [B, T, embedDim], `mask` [B, T].
   *
   * @throws ShapeError if ids and mask do not fit, or rows are longer than `maxLength`
   */
  encode(input: TextInput, context: Context): EncoderOutput {
    const hidden = this.hiddenStates(input, context).at(-1)!;
    const mask = tf.cast(input.attentionMask, 'float32');
    const project = <T extends tf.Tensor>(x: T): T => this.projection?.forward(x) ?? x;
    const pooled = project(this.#pool(hidden, mask));
    return { pooled: this.normalize ? l2Normalize(pooled) : pooled, sequence: project(hidden), mask };
  }

  /**
   * The embeddings and the output of each layer, [B, T, hiddenSize] each: transformers' `hidden_states`, whose last is
   * `last_hidden_state`.
   *
   * @throws ShapeError as {@link encode}
   */
  hiddenStates(input: TextInput, context: Context): tf.Tensor3D[] {
    checkTokens('text.Bert', input, this.maxLength);
    const bias = attentionBias(input.attentionMask);
    const states = [this.embeddings.forward(input, context)];
    for (const layer of this.encoder.layer) states.push(layer.forward(states.at(-1)!, bias, context));
    return states;
  }

  override describe(): PartDescription {
    const { embedDim, projection, pooling, normalize, pooler } = this;
    const architecture = typeof this.architecture === 'string' ? this.architecture : { ...this.architecture };
    return {
      kind: 'text/bert',
      options: {
        architecture,
        embedDim: projection && embedDim,
        pooling,
        normalize,
        addPoolingLayer: pooler !== undefined,
      },
    };
  }

  #pool(hidden: tf.Tensor3D, mask: tf.Tensor2D): tf.Tensor2D {
    return this.pooling === 'pooler'
      ? this.pooler!.forward(tokenAt(hidden, 0))
      : poolSequence(hidden, mask, this.pooling);
  }
}
