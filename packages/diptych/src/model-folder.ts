import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, checkOptions, describeTokenizer, type OptionNames, tokenizerFiles } from '@diptych/core';
import { isRemote } from '@diptych/core/http';
import { writeFileAtomically } from '@diptych/core/node';
import { adapters, type ListedFile, loadState, openSharded, stateDict } from '@diptych/weights';
import { folderSource, openSafetensors, writeSharded } from '@diptych/weights/node';
import { buildParts } from './build-parts.js';
import { checkParts, JointModel, type JointModelParts } from './joint-model.js';
import { LOAD_OPTIONS, type LoadModelOptions } from './load-options.js';
import { loadRun } from './load-run.js';
import { loadUrl } from './load-url.js';
import {
  FORMAT,
  MANIFEST,
  type Manifest,
  parseManifest,
  TOKENIZER,
  VERSION,
  WEIGHTS,
  WEIGHTS_INDEX,
} from './manifest.js';

/** Options of {@link save}. */
export interface SaveOptions {
  /** Spreads larger weights over several files, for servers that limit them (GitHub Pages: 100 MB). Default: one file. */
  readonly maxShardBytes?: number;
}

const SAVE_OPTIONS: OptionNames<SaveOptions> = { maxShardBytes: 'optional' };

/**
 * Writes a model folder that `load` opens with no further options, from disk or from a web server: `model.json` (what it is made
 * of), `model.safetensors` (weights under PyTorch's names), `tokenizer/` (its vocabulary). Each file is written whole or not at
 * all.
 *
 * @throws ConfigError if a part has no `describe()`
 */
export async function save(
  folder: string,
  model: JointModel | JointModelParts,
  options: SaveOptions = {},
): Promise<void> {
  checkFolder('diptych.save', folder);
  checkParts('diptych.save', model);
  checkOptions('diptych.save', options, SAVE_OPTIONS);
  const { encoder, transform, tokenizer, tokenize = {} } = model;
  const described = {
    model: encoder.describe(),
    transform: transform.describe(),
    tokenizer: describeTokenizer(tokenizer),
    tokenize,
  };
  await mkdir(join(folder, TOKENIZER), { recursive: true });
  const written: string[] = [];
  for (const [name, content] of Object.entries(tokenizerFiles(tokenizer))) {
    await writeFileAtomically(join(folder, TOKENIZER, name), [encode(content)]);
    written.push(`${TOKENIZER}/${name}`);
  }
  const { maxShardBytes = Number.POSITIVE_INFINITY } = options;
  const weights = await writeSharded(folder, await stateDict(encoder), { metadata: { format: 'pt' }, maxShardBytes });
  const files: Record<string, ListedFile> = {};
  for (const path of [...written, ...weights]) files[path] = await listed(join(folder, path));
  const manifest: Manifest = { format: FORMAT, version: VERSION, ...described, files };
  await writeFileAtomically(join(folder, MANIFEST), [encode(`${JSON.stringify(manifest, null, 2)}\n`)]);
  // of a model that was saved here before
  for (const old of [WEIGHTS, WEIGHTS_INDEX]) if (!weights.includes(old)) await rm(join(folder, old), { force: true });
}

/**
 * Opens a model folder: what {@link save} wrote, or a folder with a trainer's checkpoints, of which it takes the best, or the last where none was
 * validated. An address (`https://…`) is that of a folder on a web server; browsers open nothing else.
 *
 * @throws CheckpointError if the folder holds no model, or a damaged one
 * @throws ConfigError if it holds parts of kinds that nobody here knows, naming all of them
 * @throws WeightsError, HubError if a file on a web server is missing, another one, or cannot be fetched
 */
export async function load(folder: string | URL, options: LoadModelOptions = {}): Promise<JointModel> {
  const isAddress = folder instanceof URL || (typeof folder === 'string' && isRemote(folder));
  if (!isAddress) checkFolder('diptych.load', folder);
  checkOptions('diptych.load', options, LOAD_OPTIONS);
  return isAddress ? loadUrl(folder, options) : loadFolder(folder, options);
}

async function loadFolder(folder: string, { parts = {} }: LoadModelOptions): Promise<JointModel> {
  const run = await loadRun(folder, parts);
  if (run) return run;
  const manifest = await readManifest(folder);
  const { encoder, transform, tokenizer } = buildParts(manifest, parts, { folder: join(folder, TOKENIZER) });
  try {
    const adapter = manifest.version === 1 ? adapters.fromFormat1 : undefined;
    const sharded = existsSync(join(folder, WEIGHTS_INDEX));
    const weights = sharded
      ? await openSharded(folderSource(folder), WEIGHTS_INDEX)
      : openSafetensors(join(folder, WEIGHTS));
    loadState(encoder, weights, { adapter });
    return new JointModel({ encoder, transform, tokenizer, tokenize: manifest.tokenize });
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}

function checkFolder(where: string, folder: unknown): asserts folder is string {
  if (typeof folder === 'string' && folder !== '') return;
  throw new ConfigError({
    where,
    expected: 'the path of a folder',
    got: folder === null ? 'null' : typeof folder,
    remedy: where === 'diptych.load' ? "load('runs/first')" : "save('models/first', model)",
  });
}

async function readManifest(folder: string): Promise<Manifest> {
  const where = join(folder, MANIFEST);
  let problem: unknown;
  const text = await readFile(where, 'utf8').catch((error: unknown) => {
    problem = error;
    return undefined;
  });
  return parseManifest(text, where, problem);
}

async function listed(path: string): Promise<ListedFile> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
