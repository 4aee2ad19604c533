import type { Context, Encoded, ImageInput } from '@diptych/core';
import {
  Conv2d,
  Embedding,
  type Generator,
  generatorOf,
  LayerNorm,
  type Linear,
  Mlp,
  Module,
  MultiheadAttention,
  normal,
  type PreNormBlocks,
  parameter,
  tokenAt,
} from '@diptych/nn';
import type { WeightSource } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { gridToTokens } from '../grid.js';
import type { SizedPretrainedOptions } from '../pretrained/image-size.js';
import { TIMM_INIT, timmLinear } from '../timm-linear.js';
import { gridSizeOf, loadVisionTower, towerBlocks, VisionTower, type VisionTowerOptions } from '../vision-tower.js';
import { SIGLIP_VISIONS, type SiglipVisionConfig, type SiglipVisionName } from './siglip-vision-configs.js';
import { siglipVisionOf } from './siglip-vision-pretrained.js';

/** Options of {@link SiglipVision}; `embedDim`: where it is not the tokens' width, a `projection` is added. */
export type SiglipVisionOptions = VisionTowerOptions;

/** Patches and positions, no class token: [B, H, W, C] -> [B, patches, D]. */
class SiglipVisionEmbeddings extends Module {
  readonly patchEmbedding: Conv2d;
  /** A table whose rows are the positions; `weight` is [patches, D]. */
  readonly positionEmbedding: Embedding;

  constructor(config: SiglipVisionConfig, generator: Generator) {
    super();
    const { patchSize, hiddenSize, inChannels = 3 } = config;
    this.patchEmbedding = new Conv2d(inChannels, hiddenSize, patchSize, { generator, stride: patchSize });
    const positions = gridSizeOf(config) ** 2;
    this.positionEmbedding = new Embedding(positions, hiddenSize, { generator, init: normal(hiddenSize ** -0.5) });
  }

  forward(pixels: tf.Tensor4D): tf.Tensor3D {
    return tf.add(gridToTokens(this.patchEmbedding.forward(pixels)), this.positionEmbedding.weight);
  }
}

/** One learned query attends to all tokens; a feed-forward part with a residual follows: [B, T, D] -> [B, D]. */
class AttentionPoolingHead extends Module {
  readonly probe: tf.Variable<tf.Rank.R3>;
  readonly attention: MultiheadAttention;
  readonly layernorm: LayerNorm;
  readonly mlp: Mlp;

  constructor(config: SiglipVisionConfig, generator: Generator) {
    super();
    const { hiddenSize, numHeads, intermediateSize = 4 * hiddenSize } = config;
    const { activation = 'gelu_tanh', layerNormEps: eps = 1e-6 } = config;
    this.probe = parameter(normal(0.02)([1, 1, hiddenSize], generator));
    this.attention = new MultiheadAttention(hiddenSize, numHeads, { generator });
    this.layernorm = new LayerNorm(hiddenSize, { eps });
    this.mlp = new Mlp(hiddenSize, { generator, intermediateSize, activation, ...TIMM_INIT });
  }

  forward(tokens: tf.Tensor3D, context: Context): tf.Tensor2D {
    const [batch] = tokens.shape;
    const query = tf.tile(this.probe, [batch, 1, 1]);
    const { output } = this.attention.forward(query, tokens, tokens, { needWeights: false }, context); // [B, 1, D]
    const pooled: tf.Tensor3D = tf.add(output, this.mlp.forward(this.layernorm.forward(output)));
    return tokenAt(pooled, 0);
  }
}

/** SiglipVisionTransformer. */
class SiglipVisionTransformer extends Module {
  readonly embeddings: SiglipVisionEmbeddings;
  readonly encoder: PreNormBlocks;
  readonly postLayernorm: LayerNorm;
  readonly head: AttentionPoolingHead;

  constructor(config: SiglipVisionConfig, generator: Generator) {
    super();
    const { hiddenSize, activation = 'gelu_tanh', layerNormEps = 1e-6 } = config;
    this.embeddings = new SiglipVisionEmbeddings(config, generator);
    this.encoder = towerBlocks(config, { activation, layerNormEps }, generator);
    this.postLayernorm = new LayerNorm(hiddenSize, { eps: layerNormEps });
    this.head = new AttentionPoolingHead(config, generator);
  }

  /** [B, H, W, C] -> normalised tokens [B, patches, D]. */
  forward(pixels: tf.Tensor4D, context: Context): tf.Tensor3D {
    return this.postLayernorm.forward(this.encoder.forward(this.embeddings.forward(pixels), undefined, context));
  }
}

/**
 * SigLIP's vision tower with transformers' names (`vision_model.*`), as in a checkpoint of the whole SiglipModel; the
 * fixed-size checkpoints of SigLIP 2 are the same network.
 *
 * `pooled` is what a learned query reads from the tokens (transformers' `image_embeds` before their normalisation to
 * length 1); `sequence` is the normalised patch tokens.
 *
 * Zhai et al., Sigmoid Loss for Language Image Pre-Training (2023), https://arxiv.org/abs/2303.15343.
 */
export class SiglipVision extends VisionTower<SiglipVisionName, SiglipVisionConfig> {
  readonly visionModel: SiglipVisionTransformer;
  readonly projection: Linear | undefined;

  /**
   * @param architecture a name of {@link SIGLIP_VISION_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: SiglipVisionName | SiglipVisionConfig, options: SiglipVisionOptions = {}) {
    super('vision/siglip', SIGLIP_VISIONS, architecture, options, ({ hiddenSize }) => hiddenSize);
    const { config, embedDim } = this;
    const generator = generatorOf(options, 'vision/siglip');
    this.visionModel = new SiglipVisionTransformer(config, generator);
    this.projection = embedDim === config.hiddenSize ? undefined : timmLinear(config.hiddenSize, embedDim, generator);
  }

  /**
   * [B, imageSize, imageSize, 3] -> `pooled` [B, embedDim], `sequence` [B, patches, embedDim].
   *
   * @throws ShapeError if the pictures have another size
   */
  encode(pixels: ImageInput, context: Context): Encoded {
    this.checkPixels(pixels);
    const sequence = this.visionModel.forward(pixels, context);
    const pooled = this.visionModel.head.forward(sequence, context);
    if (!this.projection) return { pooled, sequence };
    return { pooled: this.projection.forward(pooled), sequence: this.projection.forward(sequence) };
  }

  /**
   * Builds the vision tower of a checkpoint of SiglipModel (`google/siglip-base-patch16-224`), or of its vision half, and
   * loads it. With an `embedDim` other than the tokens' width, a new `projection` starts from `seed` (`report.fresh` lists
   * it); with another `imageSize`, the position embeddings are resampled.
   *
   * @param model a folder, a hub id, or a source
   * @throws WeightsError, HubError if the checkpoint is missing, damaged or does not fit; ConfigError for another family
   */
  static async fromPretrained(
    model: string | WeightSource,
    options: SizedPretrainedOptions = {},
  ): Promise<SiglipVision> {
    return loadVisionTower<SiglipVisionConfig, SiglipVision>(model, options, {
      where: 'vision.SiglipVision',
      prefix: 0,
      read: siglipVisionOf,
      build: (config, sizes) => new SiglipVision(config, sizes),
      head: ({ projection, embedDim: width }) =>
        projection && {
          name: 'projection',
          layer: projection,
          make: () => timmLinear(projection.inFeatures, width, generatorOf(options, 'vision/siglip/head')),
        },
    });
  }
}
