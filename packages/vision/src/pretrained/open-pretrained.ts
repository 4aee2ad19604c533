import { ConfigError, type JsonObject, type Stateful } from '@diptych/core';
import { type Generator, generatorOf, type Linear, type RandomWeights } from '@diptych/nn';
import {
  type HubOptions,
  hasFile,
  type LoadReport,
  loadState,
  type NameAdapter,
  openSource,
  openTensors,
  readJson,
  type TensorCollection,
  type WeightSource,
} from '@diptych/weights';
import { HubConfig, isJsonObject } from './hub-config.js';
import { type ImageConfig, withImageSize } from './image-config.js';
import { type PositionOptions, withPositionGrid } from './position-grid.js';

/** What every `fromPretrained` of an image encoder takes. */
export interface PretrainedOptions extends RandomWeights {
  /** Width of the result. Where the checkpoint has no head of this width, a new one starts from `seed`. */
  readonly embedDim?: number;
  /** The safetensors file, where its name is not a usual one. */
  readonly file?: string;
  /** How the hub is reached. */
  readonly hub?: HubOptions;
}

/** The same for networks whose positions belong to one size of picture. */
export interface SizedPretrainedOptions extends PretrainedOptions {
  /** Side of the pictures; where it is not the checkpoint's, the position embeddings are resampled. */
  readonly imageSize?: number;
}

/** What an encoder that came from a checkpoint knows of it. */
export interface Pretrained {
  /** Settings of the image transform that belongs to the weights, for `imageTransform` of `@diptych/preprocess/image`. */
  readonly transform?: ImageConfig;
  /** What was loaded, and which tensors are new: `String(report)` is a table. */
  readonly report?: LoadReport;
}

/** A checkpoint whose configuration is read and whose tensors are not yet. */
export interface OpenedCheckpoint {
  /** For messages. */
  readonly name: string;
  readonly tensors: TensorCollection;
  /** `config.json`. */
  readonly config: HubConfig;
  /** Who wrote it. */
  readonly library: 'timm' | 'transformers';
  /** timm's architecture, or transformers' model type. */
  readonly architecture: string;
  readonly transform: ImageConfig | undefined;
}

/**
 * Opens a folder or hub repository of timm or transformers.
 *
 * @throws WeightsError if its configuration or tensors are missing or malformed; HubError if they cannot be fetched
 */
export async function openCheckpoint(
  model: string | WeightSource,
  { file, hub }: PretrainedOptions,
): Promise<OpenedCheckpoint> {
  const source = openSource(model, hub);
  const fields = await readJson(source, 'config.json');
  const config = new HubConfig(`${source.name}/config.json`, fields);
  const library = config.has('architecture') ? 'timm' : 'transformers';
  const architecture = config.text(library === 'timm' ? 'architecture' : 'model_type');
  const transform = library === 'timm' ? timmTransform(fields) : await transformersTransform(source);
  const tensors = await openTensors(source, { file });
  return { name: source.name, tensors, config, library, architecture, transform };
}

/** A layer that may be new, where the checkpoint has none of its width. */
export interface Head {
  /** Its path in the model. */
  readonly name: string;
  readonly layer: Linear;
  /** Makes such a layer with initial weights. */
  readonly make: (generator: Generator) => Linear;
}

/** How {@link fillModel} fits a checkpoint to a model. */
export interface FillOptions {
  /** How the checkpoint's names become the model's. */
  readonly adapter: NameAdapter;
  readonly head?: Head;
  /** Where positions belong to a size of pictures. */
  readonly positions?: Omit<PositionOptions, 'adapter'>;
  /** Where a new head starts from. */
  readonly random: RandomWeights;
}

/**
 * Copies a checkpoint into a model that was built without drawing weights, and starts a head anew where the checkpoint
 * has none that fits. A model that cannot be filled is freed.
 *
 * @throws WeightsError if the checkpoint does not fit
 */
export function fillModel(
  target: Stateful,
  checkpoint: TensorCollection,
  { adapter, head, positions, random }: FillOptions,
): LoadReport {
  const fresh = head ? [new RegExp(`^${head.name.replaceAll('.', '\\.')}\\.(weight|bias)$`)] : [];
  try {
    const tensors = positions ? withPositionGrid(checkpoint, { adapter, ...positions }) : checkpoint;
    const report = loadState(target, tensors, { adapter, fresh });
    if (head && report.fresh.length > 0) restart(head, generatorOf(random, `vision/${head.name}`));
    return report;
  } catch (error) {
    target.dispose();
    throw error;
  }
}

function restart({ layer, make }: Head, generator: Generator): void {
  const made = make(generator);
  layer.weight.assign(made.weight);
  if (made.bias) layer.bias?.assign(made.bias);
  made.dispose();
}

/** The checkpoint's image settings, for pictures of the model's size. */
export function transformOf({ transform }: OpenedCheckpoint, imageSize: number): ImageConfig | undefined {
  return transform && withImageSize(transform, imageSize);
}

/** @throws ConfigError that says which encoder takes such a checkpoint */
export function wrongFamily({ name, library, architecture }: OpenedCheckpoint, where: string, expected: string): never {
  throw new ConfigError({
    where,
    expected: `a checkpoint of ${expected}`,
    got: `${name}, which ${library} calls ${architecture}`,
    remedy: 'take the encoder of that family, or imageEncoderFromPretrained() to have it chosen',
  });
}

/** The adapter, leaving out tensors that the model does not want. */
export function ignoring(adapter: NameAdapter, ...patterns: readonly RegExp[]): NameAdapter {
  return { ...adapter, ignore: [...(adapter.ignore ?? []), ...patterns] };
}

function timmTransform(fields: JsonObject): ImageConfig | undefined {
  return isJsonObject(fields.pretrained_cfg) ? fields.pretrained_cfg : undefined;
}

async function transformersTransform(source: WeightSource): Promise<ImageConfig | undefined> {
  const file = 'preprocessor_config.json';
  return (await hasFile(source, file)) ? readJson(source, file) : undefined;
}
