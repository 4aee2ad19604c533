import { type Context, checkPositive, type OptionNames } from '@diptych/core';
import {
  checkHeads,
  Embedding,
  type Generator,
  LayerNorm,
  Module,
  normal,
  type PreNormBlockOptions,
  PreNormBlocks,
} from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** Sizes of a text tower with pre-norm blocks. */
export interface TextTransformerConfig extends Omit<PreNormBlockOptions, 'generator' | 'dropPath' | 'init'> {
  readonly vocabSize: number;
  /** Rows of the position table. */
  readonly maxPositions: number;
  /** Number of blocks. */
  readonly numLayers: number;
}

/** The names of these. */
export const TEXT_TRANSFORMER: OptionNames<TextTransformerConfig> = {
  vocabSize: 'required',
  maxPositions: 'required',
  hiddenSize: 'required',
  numLayers: 'required',
  numHeads: 'required',
  intermediateSize: 'optional',
  activation: 'optional',
  layerNormEps: 'optional',
  attentionDropout: 'optional',
  dropout: 'optional',
};

/**
 * Checks the sizes of a tower.
 *
 * @throws ConfigError unless they are whole numbers above 0 and the heads divide the width
 */
export function checkTextTransformer(where: string, config: TextTransformerConfig): void {
  const { vocabSize, maxPositions, hiddenSize, numLayers, numHeads, intermediateSize = 1 } = config;
  const sizes = { vocabSize, maxPositions, hiddenSize, numLayers, intermediateSize };
  for (const [what, size] of Object.entries(sizes)) checkPositive(where, what, size);
  checkHeads(where, 'hiddenSize', hiddenSize, numHeads);
}

/** Tokens and learned positions: int32 [B, T] -> [B, T, D]. */
class TextEmbeddings extends Module {
  readonly tokenEmbedding: Embedding;
  readonly positionEmbedding: Embedding;

  constructor({ vocabSize, maxPositions, hiddenSize }: TextTransformerConfig, generator: Generator) {
    super();
    this.tokenEmbedding = new Embedding(vocabSize, hiddenSize, { generator, init: normal(0.02) });
    this.positionEmbedding = new Embedding(maxPositions, hiddenSize, { generator, init: normal(0.02) });
  }

  forward(inputIds: tf.Tensor2D): tf.Tensor3D {
    const positions = tf.slice(this.positionEmbedding.weight, [0, 0], [inputIds.shape[1], -1]); // [T, D]
    return tf.add(this.tokenEmbedding.forward(inputIds), positions);
  }
}

/**
 * Embeddings, pre-norm blocks, a last normalisation: int32 [B, T] -> [B, T, hiddenSize]. Parameters are named as in
 * transformers' CLIPTextTransformer and SiglipTextTransformer.
 */
export class TextTransformer extends Module {
  readonly embeddings: TextEmbeddings;
  readonly encoder: PreNormBlocks;
  readonly finalLayerNorm: LayerNorm;

  constructor(config: TextTransformerConfig, generator: Generator) {
    super();
    this.embeddings = new TextEmbeddings(config, generator);
    const { hiddenSize, numHeads, intermediateSize, activation, layerNormEps, attentionDropout, dropout } = config;
    const sizes = { hiddenSize, numHeads, intermediateSize, activation, layerNormEps, attentionDropout, dropout };
    this.encoder = new PreNormBlocks(config.numLayers, { ...sizes, generator, init: normal(0.02) });
    this.finalLayerNorm = new LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
  }

  /** @param bias added to attention scores, broadcasting to [B, heads, T, T] */
  forward(inputIds: tf.Tensor2D, bias: tf.Tensor | undefined, context: Context): tf.Tensor3D {
    const embedded = this.embeddings.forward(inputIds);
    return this.finalLayerNorm.forward(this.encoder.forward(embedded, bias, context));
  }
}
