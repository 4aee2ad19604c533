import type { Context, Encoded, TextInput } from '@diptych/core';
import {
  attentionBias,
  causalBias,
  type Generator,
  generatorOf,
  Linear,
  normal,
  TRANSFORMERS_ACTIVATIONS,
} from '@diptych/nn';
import { adapters, type OpenedCheckpoint, type WeightSource, wrongFamily } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { loadTextTower, TextTower, type TextTowerOptions } from '../text-tower.js';
import { TextTransformer } from '../text-transformer.js';
import { checkTokens } from '../token-input.js';
import type { TextPretrainedOptions } from '../token-table.js';
import { CLIP_TEXTS, type ClipTextConfig, type ClipTextName } from './clip-text-configs.js';

/** Options of {@link ClipText}. */
export type ClipTextOptions = TextTowerOptions;

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
export class ClipText extends TextTower<ClipTextName, ClipTextConfig> {
  readonly textModel: TextTransformer;
  readonly textProjection: Linear;

  /**
   * Loads the text tower of a CLIP checkpoint in the hub's layout: of a whole CLIPModel, or saved alone as
   * CLIPTextModelWithProjection.
   *
   * @param model a hub id (`openai/clip-vit-base-patch32`), a folder, or a source
   * @throws WeightsError if files are missing, the model is of another kind, or tensors do not fit; HubError if the
   *   download fails
   */
  static async fromPretrained(model: string | WeightSource, options: TextPretrainedOptions = {}): Promise<ClipText> {
    return loadTextTower<ClipTextConfig, ClipText>(model, options, {
      where: 'text.ClipText',
      modelType: 'clip',
      adapter: adapters.clipText,
      read: readConfig,
      build: (config, sizes) => new ClipText(config, sizes),
      head: ({ textProjection }) => ({ name: 'text_projection', layer: textProjection, make: projection }),
      stream: 'text/clip/head',
      // CLIPTextModel has none
      mayLackHead: true,
    });
  }

  /**
   * @param architecture a name of {@link CLIP_TEXT_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: ClipTextName | ClipTextConfig, options: ClipTextOptions = {}) {
    super('text/clip', CLIP_TEXTS, architecture, options, (config) => {
      const { activation = 'quick_gelu', layerNormEps = 1e-5, eosTokenId = config.vocabSize - 1 } = config;
      return { ...config, activation, layerNormEps, eosTokenId };
    });
    const generator = generatorOf(options, 'text/clip');
    this.textModel = new TextTransformer(this.config, generator);
    this.textProjection = projection(this.config.hiddenSize, this.embedDim, generator);
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
    const picked: tf.Tensor2D = tf.reshape(tf.matMul(choice, hidden), [batch, width]);
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

function readConfig(opened: OpenedCheckpoint, wantedRows: number | undefined): ClipTextConfig {
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
    vocabSize: wantedRows ?? vocabSize,
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
