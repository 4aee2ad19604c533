import {
  type Context,
  checkOptions,
  checkPositive,
  type Fused,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import { type Generator, generatorOf, LayerNorm, Linear, Module, tokenAt } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { CrossAttentionBlock, type CrossAttentionSizes } from './cross-attention-block.js';
import { FUSION, type FusionOptions } from './fusion-options.js';
import { MissingModality, type Pair } from './missing-modality.js';
import { PairFusion } from './pair-fusion.js';
import { withPooledToken } from './tokens.js';

/** Options of {@link CoAttentionFusion}. */
export interface CoAttentionFusionOptions extends FusionOptions {
  /** Default 2. */
  readonly numLayers?: number;
  /** Default 8. */
  readonly numHeads?: number;
  /** Width inside the feed-forward layers, default 4 * embedDim. */
  readonly intermediateSize?: number;
  /** On attention weights and after feed-forward layers, in training. Default 0. */
  readonly dropout?: number;
}

class CoAttentionLayer extends Module {
  readonly imageToText: CrossAttentionBlock;
  readonly textToImage: CrossAttentionBlock;

  constructor(sizes: CrossAttentionSizes, generator: Generator) {
    super();
    this.imageToText = new CrossAttentionBlock(sizes, generator);
    this.textToImage = new CrossAttentionBlock(sizes, generator);
  }
}

const OPTIONS: OptionNames<CoAttentionFusionOptions> = {
  ...FUSION,
  numLayers: 'optional',
  numHeads: 'optional',
  intermediateSize: 'optional',
  dropout: 'optional',
};

/**
 * Co-attention over patches and tokens: in each layer the picture's patches look at the text's tokens and the tokens at the
 * patches, both from the layer before (Lu et al. 2019, ViLBERT; pre-norm). The pooled vectors are first tokens of
 * both sides; in the end they are normalised, concatenated and projected to embedDim.
 *
 * Masks are honoured on both sides. Attention maps: `layer0.imageToText` [B, heads, 1 + patches, 1 + tokens],
 * `layer0.textToImage`, and so on.
 */
export class CoAttentionFusion extends PairFusion {
  readonly layers: readonly CoAttentionLayer[];
  readonly normImage: LayerNorm;
  readonly normText: LayerNorm;
  readonly projection: Linear;
  readonly missing: MissingModality;
  readonly embedDim: number;
  readonly sizes: CrossAttentionSizes;

  /** @throws ConfigError if a size makes no network */
  constructor(options: CoAttentionFusionOptions) {
    super();
    checkOptions('fusion.CoAttentionFusion', options, OPTIONS);
    const { embedDim, numLayers = 2, numHeads = 8, intermediateSize = 4 * embedDim, dropout = 0 } = options;
    for (const [what, value] of Object.entries({ embedDim, numLayers, numHeads, intermediateSize })) {
      checkPositive('fusion.CoAttentionFusion', what, value);
    }
    const generator = generatorOf(options, 'fusion/co-attention');
    this.embedDim = embedDim;
    this.sizes = { embedDim, numHeads, intermediateSize, dropout };
    this.layers = Array.from({ length: numLayers }, () => new CoAttentionLayer(this.sizes, generator));
    this.normImage = new LayerNorm(embedDim);
    this.normText = new LayerNorm(embedDim);
    this.projection = new Linear(2 * embedDim, embedDim, { generator });
    this.missing = new MissingModality('fusion.CoAttentionFusion', { ...options, generator });
  }

  /** Those of all layers but the last, of which the pooled token alone is read further; of a single layer its own. */
  get textToImageMaps(): readonly string[] {
    const read = Math.max(1, this.layers.length - 1);
    return Array.from({ length: read }, (_, i) => `layer${i}.textToImage`);
  }

  protected override fusePair(pair: Pair, context: Context): Fused {
    let patches = withPooledToken('fusion.CoAttentionFusion: image', pair.image);
    let tokens = withPooledToken('fusion.CoAttentionFusion: text', pair.text);
    const attention: Record<string, tf.Tensor4D> = {};
    for (const [i, { imageToText, textToImage }] of this.layers.entries()) {
      const image1 = imageToText.forward(patches.values, tokens, context);
      const text1 = textToImage.forward(tokens.values, patches, context);
      attention[`layer${i}.imageToText`] = image1.map;
      attention[`layer${i}.textToImage`] = text1.map;
      patches = { ...patches, values: image1.x };
      tokens = { ...tokens, values: text1.x };
    }
    const ends = [this.normImage.forward(tokenAt(patches.values, 0)), this.normText.forward(tokenAt(tokens.values, 0))];
    return { fused: this.projection.forward(tf.concat(ends, 1)), attention };
  }

  override describe(): PartDescription {
    const { missing, sizes, layers } = this;
    return {
      kind: 'fusion/co-attention',
      options: { ...sizes, numLayers: layers.length, ...missing.describeOptions() },
    };
  }
}
