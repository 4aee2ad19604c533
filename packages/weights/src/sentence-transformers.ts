import { type JsonObject, WeightsError } from '@diptych/core';
import { checkSource, hasFile, readJson, readJsonValue, type WeightSource } from './weight-source.js';

/** What a sentence-transformers folder says about its model, beside the transformer itself. */
export interface SentenceTransformer {
  /** Folder of the transformer's `config.json` and tensors; empty for the folder itself. */
  readonly transformer: string;
  /** Longest row of tokens, special ones included; absent where the folder does not say. */
  readonly maxLength?: number;
  /** How token vectors become one. */
  readonly pooling: 'cls' | 'mean' | 'max';
  /** The result is scaled to length 1. */
  readonly normalize: boolean;
  /** Linear layers after pooling, in order: folders with a `config.json` and tensors `linear.weight`, `linear.bias`. */
  readonly dense: readonly DenseModule[];
}

/** A linear layer with an activation after pooling. */
export interface DenseModule {
  readonly folder: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bias: boolean;
  readonly activation: 'identity' | 'tanh' | 'relu' | 'gelu' | 'silu';
}

/** Names of the pooling methods in a Pooling module's `config.json`. */
const POOLING_MODES = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
} as const;

const ACTIVATIONS: Readonly<Record<string, DenseModule['activation']>> = {
  'torch.nn.modules.linear.Identity': 'identity',
  'torch.nn.modules.activation.Tanh': 'tanh',
  'torch.nn.modules.activation.ReLU': 'relu',
  'torch.nn.modules.activation.GELU': 'gelu',
  'torch.nn.modules.activation.SiLU': 'silu',
};

/** True if a source is a folder of sentence-transformers. */
export function isSentenceTransformer(source: WeightSource): Promise<boolean> {
  return hasFile(source, 'modules.json');
}

/**
 * Reads `modules.json` and the small files that it points to.
 *
 * @throws WeightsError if they are malformed, or the model has a step that cannot be reproduced
 */
export async function readSentenceTransformer(source: WeightSource): Promise<SentenceTransformer> {
  checkSource('weights.readSentenceTransformer', source);
  const where = `${source.name}/modules.json`;
  const modules = readModules(where, await readJsonValue(source, 'modules.json'));
  const [first, second, ...rest] = modules;
  if (first?.kind !== 'Transformer' || second?.kind !== 'Pooling') {
    throw unsupported(where, modules.map(({ kind }) => kind).join(', ') || 'no modules');
  }
  const dense: DenseModule[] = [];
  let normalize = false;
  for (const { kind, path } of rest) {
    if (kind === 'Dense' && !normalize) dense.push(await readDense(source, path));
    else if (kind === 'Normalize') normalize = true;
    else throw unsupported(where, modules.map((module) => module.kind).join(', '));
  }
  return {
    transformer: first.path,
    maxLength: await readMaxLength(source, first.path),
    pooling: await readPooling(source, second.path),
    normalize,
    dense,
  };
}

/** The modules of a `modules.json`, kinds without their packages. */
export function readModules(where: string, value: unknown): { kind: string; path: string }[] {
  if (!Array.isArray(value)) throw new WeightsError({ where, expected: 'a list of modules' });
  return value.map((module: JsonObject | null) => {
    const { type, path } = module ?? {};
    if (typeof type !== 'string' || typeof path !== 'string') {
      throw new WeightsError({ where, expected: 'modules with type and path', got: JSON.stringify(module) });
    }
    return { kind: type.slice(type.lastIndexOf('.') + 1), path };
  });
}

async function readPooling(source: WeightSource, folder: string): Promise<SentenceTransformer['pooling']> {
  const path = join(folder, 'config.json');
  const config = await readJson(source, path);
  // Newer versions of the library write one name, older ones a flag for each method.
  const named = typeof config.pooling_mode === 'string' ? [config.pooling_mode] : undefined;
  const chosen =
    named ??
    Object.entries(config)
      .filter(([key, value]) => key.startsWith('pooling_mode_') && value === true)
      .map(([key]) => POOLING_MODES[key as keyof typeof POOLING_MODES] ?? key);
  const [mode] = chosen;
  if (chosen.length === 1 && (mode === 'cls' || mode === 'mean' || mode === 'max')) return mode;
  throw new WeightsError({
    where: `${source.name}/${path}`,
    expected: 'one pooling of cls, mean, max',
    got: chosen.join(' and ') || 'none',
  });
}

async function readDense(source: WeightSource, folder: string): Promise<DenseModule> {
  const path = join(folder, 'config.json');
  const config = await readJson(source, path);
  const { in_features: inFeatures, out_features: outFeatures, bias = true, activation_function: name } = config;
  const activation = typeof name === 'string' && Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  // newer versions of the library can lead a layer to other vectors than the pooled one, or around itself
  const { module_input_name: input = POOLED, module_output_name: output = POOLED, use_residual: residual } = config;
  const usual = input === POOLED && output === POOLED && !residual;
  if (!isSize(inFeatures) || !isSize(outFeatures) || typeof bias !== 'boolean' || !activation || !usual) {
    throw new WeightsError({
      where: `${source.name}/${path}`,
      expected:
        `in_features, out_features, bias, an activation_function of ${Object.keys(ACTIVATIONS).join(', ')}, ` +
        `from ${POOLED} to ${POOLED}, no residual`,
      got: JSON.stringify(config).slice(0, 500),
      remedy: 'load the transformer alone, and build this layer yourself',
    });
  }
  return { folder, inFeatures, outFeatures, bias, activation };
}

/** The library's name of the pooled vector. */
const POOLED = 'sentence_embedding';

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** Older versions of the library wrote the length beside the transformer, newer ones leave it to the tokenizer. */
async function readMaxLength(source: WeightSource, folder: string): Promise<number | undefined> {
  const path = join(folder, 'sentence_bert_config.json');
  const { max_seq_length: length } = await readJsonIfThere(source, path);
  if (isSize(length)) return length;
  if (length !== null && length !== undefined) {
    const got = String(length);
    throw new WeightsError({ where: `${source.name}/${path}`, expected: 'max_seq_length above 0', got });
  }
  const { model_max_length: tokens } = await readJsonIfThere(source, join(folder, 'tokenizer_config.json'));
  // transformers writes 1e30 for "no limit"
  return isSize(tokens) ? tokens : undefined;
}

async function readJsonIfThere(source: WeightSource, path: string): Promise<JsonObject> {
  return (await hasFile(source, path)) ? readJson(source, path) : {};
}

function join(folder: string, file: string): string {
  return folder === '' ? file : `${folder.replace(/\/$/, '')}/${file}`;
}

function unsupported(where: string, got: string): WeightsError {
  return new WeightsError({
    where,
    expected: 'the modules Transformer, Pooling, and then Dense and Normalize where there are any',
    got,
    remedy: 'load the transformer alone, and build the other steps yourself',
  });
}
