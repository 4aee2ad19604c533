import {
  type Architectures,
  checkPositive,
  describeArchitecture,
  type ImageInput,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import {
  type Activation,
  BlankGenerator,
  type Generator,
  normal,
  type PreNormBlockOptions,
  PreNormBlocks,
  type RandomWeights,
} from '@diptych/nn';
import {
  checkPretrained,
  loadPretrained,
  openSource,
  type PretrainedFamily,
  type WeightSource,
} from '@diptych/weights';
import { checkDivides } from './encoder-options.js';
import { ImageNetwork } from './image-network.js';
import { checkPixels } from './pixels.js';
import { type SizedPretrainedOptions, withImageSize } from './pretrained/image-size.js';
import { withPositionGrid } from './pretrained/position-grid.js';

/** The sizes that CLIP's and SigLIP's vision towers have in common. */
export interface VisionTowerConfig extends Pick<PreNormBlockOptions, 'hiddenSize' | 'numHeads' | 'intermediateSize'> {
  /** Side of the pictures in pixels. */
  readonly imageSize: number;
  /** Side of a square patch in pixels; pixels beyond the last whole patch are not seen. */
  readonly patchSize: number;
  /** Number of blocks. */
  readonly numLayers: number;
  /** Colour channels of the pictures, default 3. */
  readonly inChannels?: number;
}

/** The names of these. */
export const VISION_TOWER: OptionNames<VisionTowerConfig> = {
  imageSize: 'required',
  patchSize: 'required',
  hiddenSize: 'required',
  numLayers: 'required',
  numHeads: 'required',
  intermediateSize: 'optional',
  inChannels: 'optional',
};

/** What the two families do not agree on. */
export interface VisionTowerDefaults {
  readonly activation: Activation;
  readonly layerNormEps: number;
}

/**
 * Checks the sizes of a tower.
 *
 * @throws ConfigError if one is no whole number above 0, or the heads do not divide the width
 */
function checkVisionTower(where: string, config: VisionTowerConfig, embedDim: number): void {
  const { imageSize, patchSize, hiddenSize, numLayers, numHeads, inChannels = 3 } = config;
  const sizes = { patchSize, hiddenSize, numLayers, numHeads, inChannels, imageSize, embedDim };
  for (const [what, value] of Object.entries(sizes)) checkPositive(where, what, value);
  checkDivides(where, 'numHeads', numHeads, 'hiddenSize', hiddenSize);
}

/** Patches along a side of the pictures. */
export function gridSizeOf({ imageSize, patchSize }: VisionTowerConfig): number {
  return Math.floor(imageSize / patchSize);
}

/** The blocks of CLIP's and SigLIP's towers. */
export function towerBlocks(
  config: VisionTowerConfig,
  defaults: VisionTowerDefaults,
  generator: Generator,
): PreNormBlocks {
  const { hiddenSize, numHeads, intermediateSize, numLayers } = config;
  return new PreNormBlocks(numLayers, {
    generator,
    hiddenSize,
    numHeads,
    intermediateSize,
    ...defaults,
    init: normal(0.02),
  });
}

/** What CLIP's and SigLIP's towers are built from beside the sizes. */
export interface VisionTowerOptions extends RandomWeights {
  /** Width of the result. */
  readonly embedDim?: number;
  /** Side of the pictures where it is not the configuration's. */
  readonly imageSize?: number;
}

const OPTIONS: OptionNames<VisionTowerOptions> = {
  embedDim: 'optional',
  imageSize: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/** What CLIP's and SigLIP's towers have in common beside their blocks: options, checks, description, checkpoints' positions. */
export abstract class VisionTower<Name extends string, Config extends VisionTowerConfig> extends ImageNetwork<
  Name,
  Config
> {
  readonly embedDim: number;
  readonly #kind: string;

  /**
   * @param kind of the description
   * @param defaultWidth the width of the result where `embedDim` is not given
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(
    kind: string,
    architectures: Architectures<Name, Config>,
    architecture: Name | Config,
    options: VisionTowerOptions,
    defaultWidth: (config: Config) => number,
  ) {
    super(architecture, architectures, options, OPTIONS, (config) => ({
      ...config,
      imageSize: options.imageSize ?? config.imageSize,
    }));
    this.#kind = kind;
    this.embedDim = options.embedDim ?? defaultWidth(this.config);
    checkVisionTower(this.where, this.config, this.embedDim);
  }

  get imageSize(): number {
    return this.config.imageSize;
  }

  protected checkPixels(pixels: ImageInput): void {
    const { imageSize, inChannels } = this;
    checkPixels(this.where, pixels, { height: imageSize, width: imageSize, channels: inChannels });
  }

  override describe(): PartDescription {
    const architecture = describeArchitecture(this.architecture);
    return { kind: this.#kind, options: { architecture, embedDim: this.embedDim, imageSize: this.imageSize } };
  }
}

/** What the two families do not agree on in a checkpoint. */
export interface VisionTowerCheckpoint<Config extends VisionTowerConfig, Tower extends VisionTower<string, Config>>
  extends Pick<PretrainedFamily<Tower, Config>, 'read' | 'head'> {
  /** What messages call the class. */
  readonly where: string;
  readonly build: (config: Config, options: VisionTowerOptions) => Tower;
  /** Rows of the position table before the patches'. */
  readonly prefix: number;
}

/**
 * Loads a vision tower of a dual encoder's checkpoint: positions are resampled for another size of pictures, and the transform follows.
 *
 * @throws WeightsError, HubError if the checkpoint is missing, damaged or does not fit; ConfigError for another family
 */
export async function loadVisionTower<Config extends VisionTowerConfig, Tower extends VisionTower<string, Config>>(
  model: string | WeightSource,
  options: SizedPretrainedOptions,
  { where, read, build, head, prefix }: VisionTowerCheckpoint<Config, Tower>,
): Promise<Tower> {
  checkPretrained(`${where}.fromPretrained`, options, ['imageSize']);
  const { embedDim, imageSize } = options;
  return loadPretrained(openSource(model, options.hub), options, {
    read,
    build: (config: Config) => build(config, { embedDim, imageSize, generator: new BlankGenerator() }),
    head,
    prepare: (tensors, { config }, adapter) =>
      withPositionGrid(tensors, {
        adapter,
        target: 'vision_model.embeddings.position_embedding.weight',
        prefix,
        gridSize: gridSizeOf(config),
      }),
    about: (tower, { transform }, architecture) => ({
      transform: withImageSize(transform, tower.imageSize, architecture.imageSize),
    }),
  });
}
