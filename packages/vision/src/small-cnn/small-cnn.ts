import {
  type Context,
  checkOptions,
  checkPositive,
  type Encoded,
  type ImageEncoder,
  type ImageInput,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import { BatchNorm2d, Conv2d, type Generator, generatorOf, Linear, Module, type RandomWeights } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { gridToTokens } from '../grid.js';
import { checkPixels } from '../pixels.js';

/** Options of {@link SmallCNN}. */
export interface SmallCNNOptions extends RandomWeights {
  /** Width of the result. */
  readonly embedDim: number;
  /** Height and width of the pictures in pixels; each block halves them. Default 64. */
  readonly imageSize?: number;
  /** Output channels of each block, default [32, 64, 128, 256]. */
  readonly channels?: readonly number[];
  /** Colour channels of the pictures, default 3. */
  readonly inChannels?: number;
}

/** 3x3 convolution with stride 2 and padding 1, batch normalisation, ReLU: [B, H, W, in] -> [B, ceil(H/2), ceil(W/2), out]. */
class SmallCNNBlock extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inChannels: number, outChannels: number, generator: Generator) {
    super();
    // The normalisation's shift makes a bias of the convolution redundant.
    this.conv = new Conv2d(inChannels, outChannels, 3, { generator, stride: 2, padding: 1, bias: false });
    this.bn = new BatchNorm2d(outChannels);
  }

  forward(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    return tf.relu(this.bn.forward(this.conv.forward(x), context));
  }
}

const OPTIONS: OptionNames<SmallCNNOptions> = {
  embedDim: 'required',
  imageSize: 'optional',
  channels: 'optional',
  inChannels: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * A small network for small pictures, trained from scratch in minutes: blocks of `SmallCNNBlock`, the last grid
 * flattened, one linear layer.
 *
 * The grid is flattened row by row with channels last (torch: `x.permute(0, 2, 3, 1).flatten(1)`), so that `fc.weight`
 * is [embedDim, positions * channels]. Keeping the positions, in place of an average over them, is what a network this
 * shallow needs to tell left from right.
 *
 * `sequence` is what each grid position contributes: with `fc.weight` cut by position, the tokens of an item plus
 * `fc.bias` add up to its `pooled`.
 */
export class SmallCNN extends Module implements ImageEncoder {
  readonly blocks: readonly SmallCNNBlock[];
  readonly fc: Linear;
  readonly embedDim: number;
  readonly imageSize: number;
  readonly channels: readonly number[];
  readonly inChannels: number;

  /** @throws ConfigError if a size is not a whole number above 0 */
  constructor(options: SmallCNNOptions) {
    super();
    checkOptions('vision.SmallCNN', options, OPTIONS);
    const { embedDim, imageSize = 64, channels = [32, 64, 128, 256], inChannels = 3 } = options;
    checkPositive('vision.SmallCNN', 'embedDim', embedDim);
    checkPositive('vision.SmallCNN', 'imageSize', imageSize);
    checkPositive('vision.SmallCNN', 'inChannels', inChannels);
    checkPositive('vision.SmallCNN', 'the number of blocks', channels.length);
    for (const [index, width] of channels.entries()) checkPositive('vision.SmallCNN', `channels[${index}]`, width);
    this.embedDim = embedDim;
    this.imageSize = imageSize;
    this.channels = [...channels];
    this.inChannels = inChannels;
    const generator = generatorOf(options, 'vision/small-cnn');
    this.blocks = channels.map(
      (width, index) => new SmallCNNBlock(channels[index - 1] ?? inChannels, width, generator),
    );
    this.fc = new Linear(this.gridSize ** 2 * channels.at(-1)!, embedDim, { generator });
  }

  /** Height and width of the last grid; `sequence` has its square as length. */
  get gridSize(): number {
    return this.channels.reduce((size) => Math.ceil(size / 2), this.imageSize);
  }

  /**
   * [B, imageSize, imageSize, inChannels] -> `pooled` [B, embedDim], `sequence` [B, gridSize^2, embedDim].
   *
   * @throws ShapeError if the pictures have another size
   */
  encode(pixels: ImageInput, context: Context): Encoded {
    const { imageSize, inChannels } = this;
    checkPixels('vision.SmallCNN', pixels, { height: imageSize, width: imageSize, channels: inChannels });
    let grid = pixels;
    for (const block of this.blocks) grid = block.forward(grid, context);
    const tokens = gridToTokens(grid); // [B, positions, channels]
    const [batch, positions, width] = tokens.shape;
    const flat: tf.Tensor2D = tf.reshape(tokens, [batch, positions * width]);
    return { pooled: this.fc.forward(flat), sequence: this.#contributions(tokens) };
  }

  override describe(): PartDescription {
    const { embedDim, imageSize, channels, inChannels } = this;
    return { kind: 'vision/small-cnn', options: { embedDim, imageSize, channels, inChannels } };
  }

  /** [B, positions, channels] -> [B, positions, embedDim], each position by its own part of `fc.weight`. */
  #contributions(tokens: tf.Tensor3D): tf.Tensor3D {
    const [, positions, width] = tokens.shape;
    const weight: tf.Tensor3D = tf.reshape(this.fc.weight, [this.embedDim, positions, width]);
    const perPosition: tf.Tensor3D = tf.matMul(
      tf.transpose(tokens, [1, 0, 2]), // [positions, B, channels]
      tf.transpose(weight, [1, 2, 0]), // [positions, channels, embedDim]
    );
    return tf.transpose(perPosition, [1, 0, 2]); // [B, positions, embedDim]
  }
}
