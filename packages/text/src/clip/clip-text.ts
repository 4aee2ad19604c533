import {
  type Context,
  checkOptions,
  checkPositive,
  type Encoded,
  namedConfig,
  type OptionNames,
  type PartDescription,
  type TextEncoder,
  type TextInput,
} from '@diptych/core';
import {
  attentionBias,
  BlankGenerator,
  causalBias,
  type Generator,
  generatorOf,
  Linear,
  Module,
  normal,
  type RandomWeights,
  TRANSFORMERS_ACTIVATIONS,
} from '@diptych/nn';
import {
  adapters,
  fillModel,
  type OpenedCheckpoint,
  openCheckpoint,
  openSource,
  type Pretrained,
  type WeightSource,
  wrongFamily,
} from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { checkTextTransformer } from '../check-text-transformer.js';
import { TextTransformer } from '../text-transformer.js';
import { checkTokens } from '../token-input.js';
import { type TextPretrainedOptions, withVocabSize } from '../token-table.js';
import { CLIP_TEXT_CONFIGS, type ClipTextConfig, type ClipTextName } from './clip-text-configs.js';

const TABLE = 'text_model.embeddings.token_embedding.weight';

/** Options of {@link ClipText}. */
export interface ClipTextOptions extends RandomWeights {
  /** Width of the result, default the configuration's `projectionDim`. */
  readonly embedDim?: number;
}

const OPTIONS: OptionNames<ClipTextOptions> = {
  embedDim: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * CLIP's text tower with transformers' names: `text_model.*` and `text_projection`, as in a checkpoint of the whole
 * CLIPModel.
 *
 * Attention is causal. `pooled` is the projected state of the first end token of each row (transformers' `text_embeds`
 * before their normalisation to length 1); a row without one gives its last real token. `sequence` is all tokens,
 * projected likewise.
 *
 * Radford et al., Learning Transferable Visual Models From Natural Language Supervision (2021),
 * https://arxiv.org/abs/2103.00020.
 */
export class ClipText extends Module implements TextEncoder, Pretrained {
  readonly textModel: TextTransformer;
  readonly textProjection: Linear;
  readonly embedDim: number;
  readonly architecture: ClipTextName | ClipTextConfig;
  readonly config: ClipTextConfig;
  declare readonly report?: Pretrained['report'];
  declare readonly tokenizer?: Pretrained['tokenizer'];

  /**
   * Loads the text tower of a CLIP checkpoint in the hub's layout: of a whole CLIPModel, or saved alone as
   * CLIPTextModelWithProjection.
   *
   * @param model a hub id (`openai/clip-vit-base-patch32`), a folder, or a source
   * @throws WeightsError if files are missing, the model is of another kind, or tensors do not fit; HubError if the
   *   download fails
   */
  static async fromPretrained(model: string | WeightSource, options: TextPretrainedOptions = {}): Promise<ClipText> {
    const opened = await openCheckpoint(openSource(model, options.hub), { file: options.file, modelType: 'clip' });
    const read = readConfig(opened);
    const config = { ...read, vocabSize: options.vocabSize ?? read.vocabSize };
    const tensors = await opened.tensors();
    const made = new ClipText(config, { embedDim: options.embedDim, generator: new BlankGenerator() });
    const head = {
      name: 'text_projection',
      layer: made.textProjection,
      make: () => projection(config.hiddenSize, made.embedDim, generatorOf(options, 'text/clip/head')),
    };
    const report = fillModel(made, tensors, {
      config: opened.config,
      strict: options.strict,
      adapter: adapters.clipText,
      prepare: (stored) =>
        withVocabSize(stored, { ...options, where: 'text.ClipText', adapter: adapters.clipText, target: TABLE }),
      heads: made.embedDim === config.projectionDim ? [] : [head],
    });
    return Object.assign(made, { report, tokenizer: { source: opened.name, maxLength: config.maxPositions } });
  }

  /**
   * @param architecture a name of {@link CLIP_TEXT_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: ClipTextName | ClipTextConfig, options: ClipTextOptions = {}) {
    super();
    checkOptions('text.ClipText', options, OPTIONS);
    this.architecture = architecture;
    const given: ClipTextConfig =
      typeof architecture === 'object' && architecture !== null
        ? architecture
        : namedConfig<ClipTextConfig>('text.ClipText', CLIP_TEXT_CONFIGS, architecture);
    const { activation = 'quick_gelu', layerNormEps = 1e-5, eosTokenId = given.vocabSize - 1 } = given;
    this.config = { ...given, activation, layerNormEps, eosTokenId };
    checkTextTransformer('text.ClipText', this.config);
    const { hiddenSize, projectionDim } = this.config;
    const { embedDim = projectionDim } = options;
    checkPositive('text.ClipText', 'projectionDim', projectionDim);
    checkPositive('text.ClipText', 'embedDim', embedDim);
    this.embedDim = embedDim;
    const generator = generatorOf(options, 'text/clip');
    this.textModel = new TextTransformer(this.config, generator);
    this.textProjection = projection(hiddenSize, embedDim, generator);
  }

  /** Longest row of tokens that it has positions for. */
  get maxLength(): number {
    return this.config.maxPositions;
  }

  /** Rows of the token embedding's table. */
  get vocabSize(): number {
    return this.textModel.embeddings.tokenEmbedding.weight.shape[0]!;
  }

  /**
   * int32 [B, T] -> `pooled` [B, embedDim], `sequence` [B, T, embedDim], `mask` [B, T].
   *
   * @throws ShapeError if ids and mask do not fit, or rows are longer than `maxLength`
   */
  encode(input: TextInput, context: Context): Encoded {
    const mask = tf.cast(input.attentionMask, 'float32');
    const hidden = this.hiddenState(input, context);
    const [batch, length, width] = hidden.shape;
    // one row of 0 and a single 1 for each text: the product picks that token, and carries its gradient
    const choice = tf.reshape(this.#pooledToken(input.inputIds, mask), [batch, 1, length]);
    const picked = tf.reshape(tf.matMul(choice, hidden), [batch, width]) as tf.Tensor2D;
    return { pooled: this.textProjection.forward(picked), sequence: this.textProjection.forward(hidden), mask };
  }

  /**
   * The tokens after the last normalisation, [B, T, hiddenSize]: transformers' `last_hidden_state`.
   *
   * @throws ShapeError as {@link encode}
   */
  hiddenState(input: TextInput, context: Context): tf.Tensor3D {
    const [, length] = checkTokens('text.ClipText', input, this.maxLength);
    const bias = tf.add(attentionBias(input.attentionMask), causalBias(length)); // [B, 1, T, T]
    return this.textModel.forward(input.inputIds, bias, context);
  }

  override describe(): PartDescription {
    const architecture = typeof this.architecture === 'string' ? this.architecture : { ...this.architecture };
    return { kind: 'text/clip', options: { architecture, embedDim: this.embedDim } };
  }

  /** float32 [B, T], 1 at each row's first end token; at its last real one where there is none. */
  #pooledToken(inputIds: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor2D {
    const isEnd = tf.cast(tf.equal(inputIds, tf.scalar(this.config.eosTokenId!, 'int32')), 'float32');
    const firstEnd = tf.mul(isEnd, tf.cast(tf.equal(tf.cumsum(isEnd, 1), 1), 'float32'));
    const hasEnd = tf.max(isEnd, 1, true);
    const lastReal = tf.mul(mask, tf.cast(tf.equal(tf.cumsum(mask, 1), tf.sum(mask, 1, true)), 'float32'));
    return tf.add(firstEnd, tf.mul(tf.sub(1, hasEnd), lastReal));
  }
}

/** The projection as OpenAI's code starts it: normal with deviation hiddenSize^-0.5, no bias. */
function projection(hiddenSize: number, embedDim: number, generator: Generator): Linear {
  return new Linear(hiddenSize, embedDim, { generator, bias: false, init: normal(hiddenSize ** -0.5) });
}

/** Old checkpoints name 2 as end token, which their tokenizer does not give: there the end token is the last id. */
const MISNAMED_EOS = 2;

function readConfig(opened: OpenedCheckpoint): ClipTextConfig {
  const { config, library, architecture } = opened;
  const whole = architecture === 'clip';
  if (library !== 'transformers' || !(whole || architecture === 'clip_text_model')) {
    wrongFamily(opened, 'text.ClipText', 'CLIP');
  }
  // fields that equal the defaults of transformers' CLIPTextConfig may be left out
  const text = whole ? config.tower('text') : config;
  const vocabSize = text.number('vocab_size', 49408);
  const eosTokenId = text.number('eos_token_id', MISNAMED_EOS);
  return {
    vocabSize,
    maxPositions: text.number('max_position_embeddings', 77),
    hiddenSize: text.number('hidden_size', 512),
    numLayers: text.number('num_hidden_layers', 12),
    numHeads: text.number('num_attention_heads', 8),
    intermediateSize: text.number('intermediate_size', 2048),
    activation: text.choice('hidden_act', TRANSFORMERS_ACTIVATIONS, 'quick_gelu'),
    layerNormEps: text.number('layer_norm_eps', 1e-5),
    attentionDropout: text.number('attention_dropout', 0),
    projectionDim: config.number('projection_dim', 512),
    eosTokenId: eosTokenId === MISNAMED_EOS ? vocabSize - 1 : eosTokenId,
  };
}
