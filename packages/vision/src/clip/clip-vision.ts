import type { Context, Encoded, ImageInput } from '@diptych/core';
import {
  Conv2d,
  Embedding,
  type Generator,
  generatorOf,
  LayerNorm,
  Linear,
  Module,
  normal,
  type PreNormBlocks,
  parameter,
  tokenAt,
} from '@diptych/nn';
import type { WeightSource } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { gridToTokens, tokensAfter } from '../grid.js';
import type { SizedPretrainedOptions } from '../pretrained/image-size.js';
import { gridSizeOf, loadVisionTower, towerBlocks, VisionTower, type VisionTowerOptions } from '../vision-tower.js';
import { CLIP_VISIONS, type ClipVisionConfig, type ClipVisionName } from './clip-vision-configs.js';
import { clipVisionOf } from './clip-vision-pretrained.js';

/** Options of {@link ClipVision}; `embedDim`: default the configuration's `projectionDim`. */
export type ClipVisionOptions = VisionTowerOptions;

/** Patches, a class token before them, positions: [B, H, W, C] -> [B, 1 + patches, D]. */
class ClipVisionEmbeddings extends Module {
  readonly classEmbedding: tf.Variable<tf.Rank.R1>;
  readonly patchEmbedding: Conv2d;
  /** A table whose rows are the positions, class token first; `weight` is [1 + patches, D]. */
  readonly positionEmbedding: Embedding;

  constructor(config: ClipVisionConfig, generator: Generator) {
    super();
    const { patchSize, hiddenSize, inChannels = 3 } = config;
    const init = normal(0.02);
    this.classEmbedding = parameter(normal(hiddenSize ** -0.5)([hiddenSize], generator));
    this.patchEmbedding = new Conv2d(inChannels, hiddenSize, patchSize, {
      generator,
      stride: patchSize,
      bias: false,
      init,
    });
    const positions = gridSizeOf(config) ** 2 + 1;
    this.positionEmbedding = new Embedding(positions, hiddenSize, { generator, init });
  }

  forward(pixels: tf.Tensor4D): tf.Tensor3D {
    const patches = gridToTokens(this.patchEmbedding.forward(pixels));
    const [batch, , width] = patches.shape;
    const first = tf.tile(tf.reshape(this.classEmbedding, [1, 1, width]), [batch, 1, 1]);
    return tf.add(tf.concat([first, patches], 1), this.positionEmbedding.weight);
  }
}

/** CLIPVisionTransformer. */
class ClipVisionTransformer extends Module {
  readonly embeddings: ClipVisionEmbeddings;
  /** Transformers' spelling. */
  readonly preLayrnorm: LayerNorm;
  readonly encoder: PreNormBlocks;
  readonly postLayernorm: LayerNorm;

  constructor(config: ClipVisionConfig, generator: Generator) {
    super();
    const { hiddenSize, activation = 'quick_gelu', layerNormEps = 1e-5 } = config;
    this.embeddings = new ClipVisionEmbeddings(config, generator);
    this.preLayrnorm = new LayerNorm(hiddenSize, { eps: layerNormEps });
    this.encoder = towerBlocks(config, { activation, layerNormEps }, generator);
    this.postLayernorm = new LayerNorm(hiddenSize, { eps: layerNormEps });
  }

  /** [B, H, W, C] -> tokens before the last normalisation, the class token first: [B, 1 + patches, D]. */
  forward(pixels: tf.Tensor4D, context: Context): tf.Tensor3D {
    return this.encoder.forward(this.preLayrnorm.forward(this.embeddings.forward(pixels)), undefined, context);
  }
}

/**
 * CLIP's vision tower with transformers' names: `vision_model.*` and `visual_projection`, as in a checkpoint of the
 * whole CLIPModel.
 *
 * `pooled` is the normalised and projected class token (transformers' `image_embeds` before their normalisation to
 * length 1); `sequence` is the patch tokens, normalised and projected likewise.
 *
 * Radford et al., Learning Transferable Visual Models From Natural Language Supervision (2021),
 * https://arxiv.org/abs/2103.00020. CLIP's ResNets are other networks and not here.
 */
export class ClipVision extends VisionTower<ClipVisionName, ClipVisionConfig> {
  readonly visionModel: ClipVisionTransformer;
  readonly visualProjection: Linear;

  /**
   * @param architecture a name of {@link CLIP_VISION_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: ClipVisionName | ClipVisionConfig, options: ClipVisionOptions = {}) {
    super('vision/clip', CLIP_VISIONS, architecture, options, ({ projectionDim }) => projectionDim);
    const { config, embedDim } = this;
    const generator = generatorOf(options, 'vision/clip');
    this.visionModel = new ClipVisionTransformer(config, generator);
    this.visualProjection = projection(config.hiddenSize, embedDim, generator);
  }

  /**
   * [B, imageSize, imageSize, 3] -> `pooled` [B, embedDim], `sequence` [B, patches, embedDim].
   *
   * @throws ShapeError if the pictures have another size
   */
  encode(pixels: ImageInput, context: Context): Encoded {
    this.checkPixels(pixels);
    const tokens = this.visionModel.forward(pixels, context);
    const project = <T extends tf.Tensor>(x: T) =>
      this.visualProjection.forward(this.visionModel.postLayernorm.forward(x));
    return { pooled: project(tokenAt(tokens, 0)), sequence: project(tokensAfter(tokens, 1)) };
  }

  /**
   * Builds the vision tower of a checkpoint of CLIPModel (`openai/clip-vit-base-patch32`), or of its vision half, and loads
   * it. With another `embedDim` than the checkpoint's, a new projection starts from `seed` (`report.fresh` lists it); with
   * another `imageSize`, the position embeddings are resampled.
   *
   * @param model a folder, a hub id, or a source
   * @throws WeightsError, HubError if the checkpoint is missing, damaged or does not fit; ConfigError for another family
   */
  static async fromPretrained(model: string | WeightSource, options: SizedPretrainedOptions = {}): Promise<ClipVision> {
    return loadVisionTower<ClipVisionConfig, ClipVision>(model, options, {
      where: 'vision.ClipVision',
      prefix: 1,
      read: clipVisionOf,
      build: (config, sizes) => new ClipVision(config, sizes),
      head: ({ visualProjection, embedDim: width }) => ({
        name: 'visual_projection',
        layer: visualProjection,
        make: () => projection(visualProjection.inFeatures, width, generatorOf(options, 'vision/clip/head')),
      }),
    });
  }
}

/** The projection as OpenAI's code starts it: normal with deviation hiddenSize^-0.5, no bias. */
function projection(hiddenSize: number, embedDim: number, generator: Generator): Linear {
  return new Linear(hiddenSize, embedDim, { generator, bias: false, init: normal(hiddenSize ** -0.5) });
}
