import {
  ConfigError,
  type Context,
  checkOptions,
  checkPositive,
  describeArchitecture,
  type Encoded,
  type OptionNames,
  type PartDescription,
  type TextEncoder,
  type TextInput,
} from '@diptych/core';
import {
  attentionBias,
  BlankGenerator,
  type Embedding,
  type Generator,
  generatorOf,
  Linear,
  l2Normalize,
  Module,
  normal,
  type RandomWeights,
  zeros,
} from '@diptych/nn';
import {
  checkPretrained,
  fillModel,
  ignoring,
  joinTensors,
  openCheckpoint,
  openSource,
  openTensors,
  type Pretrained,
  type TensorCollection,
  type WeightSource,
} from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { poolSequence, type SequencePooling } from '../pooling.js';
import { sizesNow } from '../resize-token-embeddings.js';
import { checkTokens } from '../token-input.js';
import { type TextPretrainedOptions, withVocabSize } from '../token-table.js';
import type { BertConfig, BertName } from './bert-configs.js';
import { BertDense, type BertDenseOptions } from './bert-dense.js';
import { BertEmbeddings } from './bert-embeddings.js';
import { bertOf } from './bert-hub-config.js';
import { BertLayer } from './bert-layer.js';
import { longestRow, type ResolvedBertConfig, resolveBertConfig } from './resolve-bert-config.js';
import { readSentenceTransformers } from './sentence-transformers.js';

/** How a {@link Bert} makes one vector of its tokens; `pooler` is BERT's own tanh(dense(first token)). */
export type BertPooling = SequencePooling | 'pooler';

const TABLE = 'embeddings.word_embeddings.weight';

/** Options of {@link Bert}. */
export interface BertOptions extends RandomWeights {
  /** Width of the result: adds `projection`, a linear layer. Without it the result is as wide as what comes before. */
  readonly embedDim?: number;
  /** Default `cls`. */
  readonly pooling?: BertPooling;
  /** Layers after pooling, before `projection`, as sentence-transformers' Dense: `dense.0`, `dense.1`, … Default none. */
  readonly dense?: readonly BertDenseOptions[];
  /** Scale `pooled` to length 1, as sentence-transformers' Normalize. Default false. */
  readonly normalize?: boolean;
  /** Keep `pooler.dense` also where `pooling` does not use it. Default: only with pooling `pooler`. */
  readonly addPoolingLayer?: boolean;
}

/** Options of {@link Bert.fromPretrained}. */
export interface BertPretrainedOptions extends TextPretrainedOptions {
  /** Default: what a sentence-transformers folder says, else `cls`. */
  readonly pooling?: BertPooling;
  /** Default: what a sentence-transformers folder says, else false. */
  readonly normalize?: boolean;
}

/** `encoder`: the stack of layers. */
class BertEncoder extends Module {
  readonly layer: readonly BertLayer[];

  constructor(config: ResolvedBertConfig, generator: Generator) {
    super();
    this.layer = Array.from({ length: config.numLayers }, () => new BertLayer(config, generator));
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

const OPTIONS: OptionNames<BertOptions> = {
  embedDim: 'optional',
  pooling: 'optional',
  dense: 'optional',
  normalize: 'optional',
  addPoolingLayer: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * BERT and its kin: BERT, RoBERTa, DistilBERT, MiniLM (see `BERT_CONFIGS` for papers and sizes), with the parameter
 * names of transformers' `BertModel` for all of them.
 *
 * `sequence` is the last hidden state, `pooled` one vector made of it; both pass through `dense` where there are such
 * layers, and through `projection` where `embedDim` asks for it. Rows may have any length up to `maxLength`.
 */
export class Bert extends Module implements TextEncoder, Pretrained {
  readonly embeddings: BertEmbeddings;
  readonly encoder: BertEncoder;
  readonly pooler: BertPooler | undefined;
  readonly dense: readonly BertDense[];
  readonly projection: Linear | undefined;
  readonly architecture: BertName | BertConfig;
  readonly config: ResolvedBertConfig;
  readonly embedDim: number;
  readonly pooling: BertPooling;
  readonly normalize: boolean;
  declare readonly report?: Pretrained['report'];
  declare readonly tokenizer?: Pretrained['tokenizer'];

  /**
   * Loads a checkpoint: BERT, RoBERTa, XLM-RoBERTa, CamemBERT or DistilBERT in the hub's layout (config.json and
   * safetensors), or a sentence-transformers folder, whose pooling, dense layers and normalisation it takes over.
   *
   * `pooler` is left out unless the pooling is `pooler`; `projection` (with embedDim) starts at random. Both are listed in
   * `report`.
   *
   * @param model a hub id (`google-bert/bert-base-uncased`), a folder, or a source
   * @throws WeightsError if files are missing, the model is of another kind, or tensors do not fit; HubError if the
   *   download fails
   */
  static async fromPretrained(model: string | WeightSource, options: BertPretrainedOptions = {}): Promise<Bert> {
    checkPretrained('text.Bert.fromPretrained', options, ['vocabSize', 'newTokens', 'pooling', 'normalize']);
    const source = openSource(model, options.hub);
    const sentence = await readSentenceTransformers(source);
    const { transformer: folder, dense } = sentence;
    const opened = await openCheckpoint(source, { file: options.file, folder, modelType: 'bert' });
    const { architecture: read, adapter } = bertOf(opened);
    const architecture = { ...read, vocabSize: options.vocabSize ?? read.vocabSize };
    const pooling = options.pooling ?? sentence.pooling ?? 'cls';
    const normalize = options.normalize ?? sentence.normalize ?? false;
    const parts: [string, TensorCollection][] = [['', await opened.tensors()]];
    for (const [index, layer] of dense.entries()) {
      parts.push([`dense.${index}.`, await openTensors(source, { folder: layer.folder })]);
    }
    const { embedDim, strict } = options;
    const made = new Bert(architecture, { embedDim, pooling, dense, normalize, generator: new BlankGenerator() });
    const head = made.projection && {
      name: 'projection',
      layer: made.projection,
      make: () =>
        new Linear(made.projection!.inFeatures, made.embedDim, { generator: generatorOf(options, 'text/bert/head') }),
    };
    const report = fillModel(made, parts.length === 1 ? parts[0]![1] : joinTensors(parts), {
      config: opened.config,
      strict,
      adapter: made.pooler ? adapter : ignoring(adapter, /^pooler\./),
      fresh: head && [head],
      prepare: (stored) => withVocabSize(stored, { ...options, where: 'text.Bert', adapter, target: TABLE }),
    });
    const maxLength = Math.min(sentence.maxLength ?? made.maxLength, made.maxLength);
    return Object.assign(made, { report, tokenizer: { source: source.name, maxLength } });
  }

  /**
   * @param architecture a name of `BERT_CONFIGS`, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no model
   */
  constructor(architecture: BertName | BertConfig, options: BertOptions = {}) {
    super();
    checkOptions('text.Bert', options, OPTIONS);
    const asked = resolveBertConfig(architecture);
    this.architecture = asked.architecture;
    this.config = asked.config;
    this.pooling = options.pooling ?? 'cls';
    this.normalize = options.normalize ?? false;
    const { embedDim, addPoolingLayer = this.pooling === 'pooler' } = options;
    if (this.pooling === 'pooler' && !addPoolingLayer) {
      throw new ConfigError({ where: 'text.Bert', problem: "pooling 'pooler' needs addPoolingLayer" });
    }
    if (embedDim !== undefined) checkPositive('text.Bert', 'embedDim', embedDim);
    const generator = generatorOf(options, 'text/bert');
    this.embeddings = new BertEmbeddings(this.config, generator);
    this.encoder = new BertEncoder(this.config, generator);
    this.pooler = addPoolingLayer ? new BertPooler(this.config, generator) : undefined;
    let width = this.config.hiddenSize;
    this.dense = (options.dense ?? []).map((layer, index) => {
      checkPositive('text.Bert', `dense[${index}].outFeatures`, layer.outFeatures);
      const made = new BertDense(width, layer, generator);
      width = layer.outFeatures;
      return made;
    });
    this.projection = embedDim === undefined ? undefined : new Linear(width, embedDim, { generator });
    this.embedDim = embedDim ?? width;
  }

  /** Longest row of tokens that it has positions for. */
  get maxLength(): number {
    return longestRow(this.config);
  }

  /** Rows of the token embedding's table. */
  get vocabSize(): number {
    return this.tokenEmbedding.numEmbeddings;
  }

  /** The token table, which `resizeTokenEmbeddings` makes longer or shorter. */
  get tokenEmbedding(): Embedding {
    return this.embeddings.wordEmbeddings;
  }

  /**
   * int32 [B, T] -> `pooled` [B, embedDim], `sequence` [B, T, embedDim], `mask` [B, T].
   *
   * @throws ShapeError if ids and mask do not fit, or rows are longer than `maxLength`
   */
  encode(input: TextInput, context: Context): Encoded {
    const hidden = this.hiddenStates(input, context).at(-1)!;
    const mask = tf.cast(input.attentionMask, 'float32');
    const project = <T extends tf.Tensor>(x: T): T => {
      const y = this.dense.reduce((rows, layer) => layer.forward(rows), x);
      return this.projection?.forward(y) ?? y;
    };
    const vector = poolSequence(hidden, mask, this.pooling === 'pooler' ? 'cls' : this.pooling);
    const pooled = project(this.pooling === 'pooler' ? this.pooler!.forward(vector) : vector);
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
    const dense = this.dense.map(({ linear, activation }) => ({
      outFeatures: linear.outFeatures,
      bias: linear.bias !== undefined,
      activation,
    }));
    return {
      kind: 'text/bert',
      options: {
        architecture: describeArchitecture(sizesNow(this.architecture, this.config, this.vocabSize)),
        embedDim: projection && embedDim,
        pooling,
        dense: dense.length > 0 ? dense : undefined,
        normalize,
        addPoolingLayer: pooler !== undefined,
      },
    };
  }
}
