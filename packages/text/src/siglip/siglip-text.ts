import { type Context, type Encoded, ShapeError, type TextInput } from '@diptych/core';
import { type Generator, generatorOf, Linear, normal, TRANSFORMERS_ACTIVATIONS, tokenAt, zeros } from '@diptych/nn';
import { adapters, type OpenedCheckpoint, type WeightSource, wrongFamily } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { loadTextTower, TextTower, type TextTowerOptions } from '../text-tower.js';
import { TextTransformer } from '../text-transformer.js';
import { checkTokens } from '../token-input.js';
import type { TextPretrainedOptions } from '../token-table.js';
import { SIGLIP_TEXTS, type SiglipTextConfig, type SiglipTextName } from './siglip-text-configs.js';

/** Options of {@link SiglipText}. */
export type SiglipTextOptions = TextTowerOptions;

/** SiglipTextTransformer: {@link TextTransformer} with a linear head. */
class SiglipTextTransformer extends TextTransformer {
  readonly head: Linear;

  constructor(config: SiglipTextConfig, embedDim: number, generator: Generator) {
    super(config, generator);
    this.head = linearHead(config.hiddenSize, embedDim, generator);
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
export class SiglipText extends TextTower<SiglipTextName, SiglipTextConfig> {
  readonly textModel: SiglipTextTransformer;

  /**
   * Loads the text tower of a SigLIP checkpoint in the hub's layout: of a whole SiglipModel, or saved alone as
   * SiglipTextModel.
   *
   * @param model a hub id (`google/siglip-base-patch16-224`), a folder, or a source
   * @throws WeightsError if files are missing, the model is of another kind, or tensors do not fit; HubError if the
   *   download fails
   */
  static async fromPretrained(model: string | WeightSource, options: TextPretrainedOptions = {}): Promise<SiglipText> {
    return loadTextTower<SiglipTextConfig, SiglipText>(model, options, {
      where: 'text.SiglipText',
      modelType: 'siglip',
      adapter: adapters.siglipText,
      read: readConfig,
      build: (config, sizes) => new SiglipText(config, sizes),
      head: ({ textModel }) => ({ name: 'text_model.head', layer: textModel.head, make: linearHead }),
      stream: 'text/siglip/head',
    });
  }

  /**
   * @param architecture a name of {@link SIGLIP_TEXT_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: SiglipTextName | SiglipTextConfig, options: SiglipTextOptions = {}) {
    super('text/siglip', SIGLIP_TEXTS, architecture, options, (config) => {
      const { activation = 'gelu_tanh', layerNormEps = 1e-6, projectionDim = config.hiddenSize } = config;
      return { ...config, activation, layerNormEps, projectionDim };
    });
    const generator = generatorOf(options, 'text/siglip');
    this.textModel = new SiglipTextTransformer(this.config, this.embedDim, generator);
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
}

/** The head as transformers starts it: normal with deviation 0.02, bias 0. */
function linearHead(hiddenSize: number, embedDim: number, generator: Generator): Linear {
  return new Linear(hiddenSize, embedDim, { generator, init: normal(0.02), biasInit: zeros });
}

function readConfig(opened: OpenedCheckpoint, wantedRows: number | undefined): SiglipTextConfig {
  const { config, library, architecture } = opened;
  const whole = architecture === 'siglip' || architecture === 'siglip2';
  if (library !== 'transformers' || !(whole || /^siglip2?_text_model$/.test(architecture))) {
    wrongFamily(opened, 'text.SiglipText', 'SigLIP');
  }
  // fields that equal the defaults of transformers' SiglipTextConfig may be left out
  const text = whole ? config.object('text_config') : config;
  const hiddenSize = text.number('hidden_size', 768);
  return {
    vocabSize: wantedRows ?? text.number('vocab_size', 32000),
    maxPositions: text.number('max_position_embeddings', 64),
    hiddenSize,
    numLayers: text.number('num_hidden_layers', 12),
    numHeads: text.number('num_attention_heads', 12),
    intermediateSize: text.number('intermediate_size', 3072),
    activation: text.choice('hidden_act', TRANSFORMERS_ACTIVATIONS, 'gelu_pytorch_tanh'),
    layerNormEps: text.number('layer_norm_eps', 1e-6),
    attentionDropout: text.number('attention_dropout', 0),
    projectionDim: text.number('projection_size', hiddenSize),
  };
}
