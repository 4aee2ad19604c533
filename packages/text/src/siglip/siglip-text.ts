import {
  type Context,
  checkPositive,
  type Encoded,
  namedConfig,
  type PartDescription,
  ShapeError,
  type TextEncoder,
  type TextInput,
} from '@diptych/core';
import {
  BlankGenerator,
  type Generator,
  generatorOf,
  Linear,
  Module,
  normal,
  type RandomWeights,
  tokenAt,
  zeros,
} from '@diptych/nn';
import { adapters, openSource, openTensors, readJson, type WeightSource } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { checkTextTransformer } from '../check-text-transformer.js';
import { HubConfig } from '../hub-config.js';

import { type FromPretrainedOptions, fillModel, type Pretrained } from '../pretrained.js';
import { TextTransformer } from '../text-transformer.js';
import { checkTokens } from '../token-input.js';
import { SIGLIP_TEXT_CONFIGS, type SiglipTextConfig, type SiglipTextName } from './siglip-text-configs.js';

/** Options of {@link SiglipText}. */
export interface SiglipTextOptions extends RandomWeights {
  /** Width of the result, default the configuration's `projectionSize`. */
  readonly embedDim?: number;
  /** Start the part that a checkpoint will fill as zeros, at no cost. */
  readonly blank?: boolean;
}

/** Options of {@link SiglipText.fromPretrained}. */
export interface SiglipTextFromPretrainedOptions extends FromPretrainedOptions {
  /** Another width than the checkpoint's: `text_model.head` then starts at random. */
  readonly embedDim?: number;
}

/** SiglipTextTransformer: {@link TextTransformer} with a linear head. */
class SiglipTextTransformer extends TextTransformer {
  readonly head: Linear;

  constructor(config: SiglipTextConfig, embedDim: number, body: Generator, generator: Generator) {
    super(config, body);
    this.head = new Linear(config.hiddenSize, embedDim, { generator, init: normal(0.02), biasInit: zeros });
  }
}

/**
 * SigLIP's text tower with transformers' names (`text_model.*`), as in a checkpoint of the whole SiglipModel; the
 * fixed-size checkpoints of SigLIP 2 are the same network with another vocabulary.
 *
 * It was trained on rows padded to the full length, sees the padding, and reads the last position. So every row must
 * have `maxLength` tokens (tokenizers: `padding: 'max_length'`), and the attention mask only marks real tokens in the
 * output. `pooled` is the head of the last position (transformers' `text_embeds` before their normalisation to length
 * 1), `sequence` the head of every token.
 *
 * Zhai et al., Sigmoid Loss for Language Image Pre-Training (2023), https://arxiv.org/abs/2303.15343.
 */
export class SiglipText extends Module implements TextEncoder, Pretrained {
  readonly textModel: SiglipTextTransformer;
  readonly embedDim: number;
  readonly architecture: SiglipTextName | SiglipTextConfig;
  readonly config: SiglipTextConfig;
  declare readonly report?: Pretrained['report'];
  declare readonly tokenizer?: Pretrained['tokenizer'];

  /**
   * Loads the text tower of a SigLIP checkpoint in the hub's layout: of a whole SiglipModel, or saved alone as
   * SiglipTextModel.
   *
   * @param model a hub id (`google/siglip-base-patch16-224`), a folder, or a source
   * @throws WeightsError if files are missing, the model is of another kind, or tensors do not fit; HubError if the
   *   download fails
   */
  static async fromPretrained(
    model: string | WeightSource,
    options: SiglipTextFromPretrainedOptions = {},
  ): Promise<SiglipText> {
    const { embedDim, seed, generator, hub, file, strict } = options;
    const source = openSource(model, hub);
    const config = readConfig(new HubConfig(`${source.name}/config.json`, await readJson(source, 'config.json')));
    const tensors = await openTensors(source, { file });
    const siglip = new SiglipText(config, { embedDim, seed, generator, blank: true });
    const fresh = siglip.embedDim === config.projectionSize ? [] : [/^text_model\.head\./];
    const load = { adapter: adapters.siglipText, fresh, strict };
    return fillModel(siglip, tensors, load, { source: source.name, maxLength: config.contextLength });
  }

  /**
   * @param architecture a name of {@link SIGLIP_TEXT_CONFIGS}, or a configuration of one's own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: SiglipTextName | SiglipTextConfig, options: SiglipTextOptions = {}) {
    super();
    this.architecture = architecture;
    const given: SiglipTextConfig =
      typeof architecture === 'string'
        ? namedConfig<SiglipTextConfig>('text.SiglipText', SIGLIP_TEXT_CONFIGS, architecture)
        : architecture;
    const { activation = 'gelu_tanh', layerNormEps = 1e-6, projectionSize = given.hiddenSize } = given;
    this.config = { ...given, activation, layerNormEps, projectionSize };
    checkTextTransformer('text.SiglipText', this.config);
    const { embedDim = projectionSize } = options;
    checkPositive('text.SiglipText', 'embedDim', embedDim);
    this.embedDim = embedDim;
    const generator = generatorOf(options, 'text/siglip');
    const body = options.blank ? new BlankGenerator() : generator;
    this.textModel = new SiglipTextTransformer(this.config, embedDim, body, generator);
  }

  /** The one length of rows. */
  get maxLength(): number {
    return this.config.contextLength;
  }

  /** Rows of the token embedding's table. */
  get vocabSize(): number {
    return this.textModel.embeddings.tokenEmbedding.weight.shape[0]!;
  }

  /**
   * int32 [B, maxLength] -> `pooled` [B, embedDim], `sequence` [B, maxLength, embedDim], `mask` [B, maxLength].
   *
   * @throws ShapeError if ids and mask do not fit, or rows have another length
   */
  encode(input: TextInput, context: Context): Encoded {
    const sequence = this.textModel.head.forward(this.hiddenState(input, context));
    const mask = tf.cast(input.attentionMask, 'float32');
    return { pooled: tokenAt(sequence, sequence.shape[1] - 1), sequence, mask };
  }

  /**
   * The tokens after the last normalisation, [B, maxLength, hiddenSize]: transformers' `last_hidden_state`.
   *
   * @throws ShapeError as {@link encode}
   */
  hiddenState(input: TextInput, context: Context): tf.Tensor3D {
    const [, length] = checkTokens('text.SiglipText', input, this.maxLength);
    if (length !== this.maxLength) {
      throw new ShapeError({
        where: 'text.SiglipText',
        expected: `rows of ${this.maxLength} tokens, since the last position is read`,
        got: String(length),
        remedy: `pad the texts: tokenizer.encode(texts, { padding: 'max_length', maxLength: ${this.maxLength} })`,
      });
    }
    return this.textModel.forward(input.inputIds, undefined, context);
  }

  override describe(): PartDescription {
    const architecture = typeof this.architecture === 'string' ? this.architecture : { ...this.architecture };
    return { kind: 'text/siglip', options: { architecture, embedDim: this.embedDim } };
  }
}

function readConfig(config: HubConfig): Required<Pick<SiglipTextConfig, 'projectionSize'>> & SiglipTextConfig {
  const type = config.string('model_type', 'siglip');
  const whole = type === 'siglip' || type === 'siglip2';
  if (!whole && !/^siglip2?_text_model$/.test(type))
    throw config.unexpected('model_type', 'siglip or siglip_text_model', type);
  // fields that equal the defaults of transformers' SiglipTextConfig may be left out
  const text = whole ? config.section('text_config') : config;
  const hiddenSize = text.number('hidden_size', 768);
  return {
    vocabSize: text.number('vocab_size', 32000),
    contextLength: text.number('max_position_embeddings', 64),
    hiddenSize,
    depth: text.number('num_hidden_layers', 12),
    numHeads: text.number('num_attention_heads', 12),
    intermediateSize: text.number('intermediate_size', 3072),
    activation: text.activation('hidden_act', 'gelu_pytorch_tanh'),
    layerNormEps: text.number('layer_norm_eps', 1e-6),
    attentionDropout: text.number('attention_dropout', 0),
    projectionSize: text.number('projection_size', hiddenSize),
  };
}
