import {
  type Architectures,
  type Context,
  checkOptions,
  checkPositive,
  describeArchitecture,
  type Encoded,
  type OptionNames,
  type PartDescription,
  resolveArchitecture,
  type TextEncoder,
  type TextInput,
} from '@diptych/core';
import {
  BlankGenerator,
  type Embedding,
  type Generator,
  generatorOf,
  type Linear,
  Module,
  type RandomWeights,
} from '@diptych/nn';
import {
  checkPretrained,
  loadPretrained,
  type NameAdapter,
  type OpenedCheckpoint,
  openSource,
  type Pretrained,
  type WeightSource,
} from '@diptych/weights';
import { sizesNow } from './resize-token-embeddings.js';
import { checkTextTransformer, type TextTransformer, type TextTransformerConfig } from './text-transformer.js';
import { type TextPretrainedOptions, withVocabSize } from './token-table.js';

/** What CLIP's and SigLIP's text towers are built from beside the sizes. */
export interface TextTowerOptions extends RandomWeights {
  /** Width of the result, default the configuration's `projectionDim`. */
  readonly embedDim?: number;
}

const OPTIONS: OptionNames<TextTowerOptions> = { embedDim: 'optional', seed: 'optional', generator: 'optional' };

/** A tower's sizes with the width that it was projected to. */
interface TextTowerConfig extends TextTransformerConfig {
  readonly projectionDim?: number;
}

/** What CLIP's and SigLIP's text towers have in common: options, checks, sizes, description. */
export abstract class TextTower<Name extends string, Config extends TextTowerConfig>
  extends Module
  implements TextEncoder, Pretrained
{
  abstract readonly textModel: TextTransformer;
  readonly embedDim: number;
  readonly architecture: Name | Config;
  readonly config: Config & { readonly projectionDim: number };
  declare readonly report?: Pretrained['report'];
  declare readonly tokenizer?: Pretrained['tokenizer'];
  readonly #kind: string;

  /**
   * @param kind of the description
   * @param complete fills in the family's defaults
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(
    kind: string,
    architectures: Architectures<Name, Config>,
    architecture: Name | Config,
    options: TextTowerOptions,
    complete: (config: Config) => Config & { readonly projectionDim: number },
  ) {
    super();
    const { where } = architectures;
    checkOptions(where, options, OPTIONS);
    const asked = resolveArchitecture(architecture, architectures);
    this.#kind = kind;
    this.architecture = asked.architecture;
    this.config = complete(asked.config);
    checkTextTransformer(where, this.config);
    const { projectionDim } = this.config;
    this.embedDim = options.embedDim ?? projectionDim;
    checkPositive(where, 'projectionDim', projectionDim);
    checkPositive(where, 'embedDim', this.embedDim);
  }

  /** @throws ShapeError if ids and mask do not fit, or rows are longer than `maxLength` */
  abstract encode(input: TextInput, context: Context): Encoded;

  /** Longest row of tokens that it has positions for. */
  get maxLength(): number {
    return this.config.maxPositions;
  }

  /** Rows of the token embedding's table. */
  get vocabSize(): number {
    return this.tokenEmbedding.numEmbeddings;
  }

  /** The token table, which `resizeTokenEmbeddings` makes longer or shorter. */
  get tokenEmbedding(): Embedding {
    return this.textModel.embeddings.tokenEmbedding;
  }

  override describe(): PartDescription {
    const architecture = describeArchitecture(sizesNow(this.architecture, this.config, this.vocabSize));
    return { kind: this.#kind, options: { architecture, embedDim: this.embedDim } };
  }
}

/** What the two families do not agree on in a checkpoint. */
export interface TextTowerCheckpoint<Config extends TextTowerConfig, Tower extends TextTower<string, Config>> {
  /** What messages call the class. */
  readonly where: string;
  readonly modelType: string;
  readonly adapter: NameAdapter;
  /** The sizes that a checkpoint says, with as many rows of the token table as are wanted. */
  readonly read: (opened: OpenedCheckpoint, vocabSize: number | undefined) => Config;
  readonly build: (config: Config, options: TextTowerOptions) => Tower;
  /** The last layer, which starts anew at another width: its name in the checkpoint, and how one begins. */
  readonly head: (tower: Tower) => {
    readonly name: string;
    readonly layer: Linear;
    readonly make: (hiddenSize: number, embedDim: number, generator: Generator) => Linear;
  };
  /** Of the first weights of such a layer. */
  readonly stream: string;
  /** Checkpoints may have no such layer, which then starts anew at any width. Default false. */
  readonly mayLackHead?: boolean;
}

/**
 * Loads a text tower of a dual encoder's checkpoint: the token table gets the wanted rows, and the tokenizer is named.
 *
 * @throws WeightsError if files are missing, the model is of another kind, or tensors do not fit; HubError if the download fails
 */
export async function loadTextTower<Config extends TextTowerConfig, Tower extends TextTower<string, Config>>(
  model: string | WeightSource,
  options: TextPretrainedOptions,
  { where, modelType, adapter, read, build, head, stream, mayLackHead = false }: TextTowerCheckpoint<Config, Tower>,
): Promise<Tower> {
  checkPretrained(`${where}.fromPretrained`, options, ['vocabSize', 'newTokens']);
  const { embedDim, vocabSize } = options;
  return loadPretrained(openSource(model, options.hub), options, {
    modelType,
    read: (opened) => ({ architecture: read(opened, vocabSize), adapter }),
    build: (config: Config) => build(config, { embedDim, generator: new BlankGenerator() }),
    head: (tower) => {
      const { config, embedDim: width } = tower;
      if (width === config.projectionDim && !mayLackHead) return undefined;
      const { name, layer, make } = head(tower);
      return { name, layer, make: () => make(config.hiddenSize, width, generatorOf(options, stream)) };
    },
    prepare: (tensors, _, fitted) =>
      withVocabSize(tensors, {
        ...options,
        where,
        adapter: fitted,
        target: 'text_model.embeddings.token_embedding.weight',
      }),
    about: ({ maxLength }, { name }) => ({ tokenizer: { source: name, maxLength } }),
  });
}
