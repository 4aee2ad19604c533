import { ConfigError, checkOptions, type JsonObject, type OptionNames } from '@diptych/core';
import { HubConfig, isJsonObject } from './hub-config.js';
import { openTensors } from './open-tensors.js';
import type { TensorCollection } from './tensor-collection.js';
import { checkSource, hasFile, readJson, type WeightSource } from './weight-source.js';

/**
 * The settings of the image transform that belongs to a checkpoint, as its authors wrote them: timm's `pretrained_cfg`, or
 * transformers' image processor. `imageTransform` of `@diptych/preprocess/image` takes either.
 */
export type ImageConfig = JsonObject;

/** A checkpoint whose configuration is read and whose tensors are not yet. */
export interface OpenedCheckpoint {
  /** For messages. */
  readonly name: string;
  readonly source: WeightSource;
  /** Opens its tensors, after its kind is found to be the right one. */
  tensors(): Promise<TensorCollection>;
  /** `config.json`. */
  readonly config: HubConfig;
  /** Who wrote it. */
  readonly library: 'timm' | 'transformers';
  /** timm's architecture, or transformers' model type. */
  readonly architecture: string;
  /** Of the pictures, where the checkpoint says anything about them. */
  readonly transform: ImageConfig | undefined;
}

/** Where the parts of a checkpoint lie that is not laid out as usual. */
export interface OpenCheckpointOptions {
  /** Name of the safetensors file. */
  readonly file?: string;
  /** Folder of configuration and tensors inside the source, as sentence-transformers has one for its transformer. */
  readonly folder?: string;
  /** The model type of a `config.json` that names none. Default: it must name one. */
  readonly modelType?: string;
}

const OPTIONS: OptionNames<OpenCheckpointOptions> = {
  file: 'optional',
  folder: 'optional',
  modelType: 'optional',
};

/**
 * Opens a folder or hub repository of timm or transformers.
 *
 * @throws WeightsError if its configuration is missing or malformed; HubError if it cannot be fetched
 */
export async function openCheckpoint(
  source: WeightSource,
  options: OpenCheckpointOptions = {},
): Promise<OpenedCheckpoint> {
  checkOptions('weights.openCheckpoint', options, OPTIONS);
  const { file, folder = '', modelType } = options;
  checkSource('weights.openCheckpoint', source);
  const { config, library, architecture } = await readArchitecture(source, { folder, modelType });
  const transform = await readImageConfig(source, config, library);
  const tensors = () => openTensors(source, { file, folder });
  return { name: source.name, source, tensors, config, library, architecture, transform };
}

/**
 * Reads what kind of model a checkpoint is for, and nothing else of it.
 *
 * @throws WeightsError if its configuration is missing or malformed, or names no kind
 */
export async function readArchitecture(
  source: WeightSource,
  options: Omit<OpenCheckpointOptions, 'file'> = {},
): Promise<Pick<OpenedCheckpoint, 'config' | 'library' | 'architecture'>> {
  checkSource('weights.readArchitecture', source);
  checkOptions('weights.readArchitecture', options, OPTIONS);
  const { folder = '', modelType } = options;
  const path = folder === '' ? 'config.json' : `${folder.replace(/\/$/, '')}/config.json`;
  const config = new HubConfig(`${source.name}/${path}`, await readJson(source, path));
  const library = config.has('architecture') ? 'timm' : 'transformers';
  const architecture = library === 'timm' ? config.text('architecture') : config.text('model_type', modelType);
  return { config, library, architecture };
}

const FLAT_TIMM = ['input_size', 'interpolation', 'mean', 'std', 'crop_pct', 'crop_mode'];

/** transformers' files with settings of pictures; of the first, only what is nested inside counts, as it does there. */
const PROCESSOR_FILES = ['processor_config.json', 'preprocessor_config.json'] as const;

/**
 * The settings of pictures in a checkpoint's files, in transformers' order: `image_processor` inside
 * processor_config.json, then preprocessor_config.json (where it may be nested as well); timm's are in its config.json.
 */
async function readImageConfig(
  source: WeightSource,
  config: HubConfig,
  library: OpenedCheckpoint['library'],
): Promise<ImageConfig | undefined> {
  // before 2023 timm wrote them flat, beside the architecture
  if (library === 'timm') return config.json('pretrained_cfg') ?? config.pick(FLAT_TIMM);
  for (const file of PROCESSOR_FILES) {
    if (!(await hasFile(source, file))) continue;
    const fields = await readJson(source, file);
    const nested = isJsonObject(fields.image_processor) ? fields.image_processor : undefined;
    const settings = nested ?? (file === 'preprocessor_config.json' ? fields : undefined);
    // without a class, transformers finds it by the model's type
    if (settings) return { ...settings, model_type: config.text('model_type', '') };
  }
  return undefined;
}

/**
 * Refuses a checkpoint of another family.
 *
 * @param expected the family that was asked for
 * @throws ConfigError always: it says what the checkpoint is, and what takes it
 */
export function wrongFamily({ name, library, architecture }: OpenedCheckpoint, where: string, expected: string): never {
  throw new ConfigError({
    where,
    expected: `a checkpoint of ${expected}`,
    got: `${name}, which ${library} calls ${architecture}`,
    remedy: "take the encoder of that family, or the package's …EncoderFromPretrained() to have it chosen",
  });
}
