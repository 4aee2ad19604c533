import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CheckpointError,
  ConfigError,
  checkOptions,
  describeTokenizer,
  type Kinds,
  type PartDescription,
  type TokenizeOptions,
  tokenizerFiles,
} from '@diptych/core';
import { writeFileAtomically } from '@diptych/core/node';
import { adapters, loadState, stateDict } from '@diptych/weights';
import { openSafetensors, writeSafetensors } from '@diptych/weights/node';
import { buildParts } from './build-parts.js';
import { checkParts, JointModel, type JointModelParts } from './joint-model.js';
import { loadRun } from './load-run.js';

/** Says what a folder holds and how to build it. Written last, so a folder that has it is complete. */
export const MANIFEST = 'model.json';
const WEIGHTS = 'model.safetensors';
const TOKENIZER = 'tokenizer';
const FORMAT = 'diptych-model';
/** 2: each part has one word, `image.*`, `text.*`, `fusion.*`. 1: `image_encoder.*`, `text_encoder.*`, `fusion_layer.*`. */
const VERSION = 2;

interface Manifest {
  readonly format: typeof FORMAT;
  readonly version: 1 | typeof VERSION;
  readonly model: PartDescription;
  readonly transform: PartDescription;
  readonly tokenizer: PartDescription;
  readonly tokenize: TokenizeOptions;
}

/**
 * Writes a model folder that `load` opens with no further options: `model.json` (what it is made of), `model.safetensors`
 * (weights under PyTorch's names), `tokenizer/` (its vocabulary). Each file is written whole or not at all.
 *
 * @throws ConfigError if a part has no `describe()`
 */
export async function save(folder: string, model: JointModel | JointModelParts): Promise<void> {
  checkFolder('diptych.save', folder);
  checkParts('diptych.save', model);
  const { encoder, transform, tokenizer, tokenize = {} } = model;
  const manifest: Manifest = {
    format: FORMAT,
    version: VERSION,
    model: encoder.describe(),
    transform: transform.describe(),
    tokenizer: describeTokenizer(tokenizer),
    tokenize,
  };
  await mkdir(join(folder, TOKENIZER), { recursive: true });
  for (const [name, content] of Object.entries(tokenizerFiles(tokenizer))) {
    await writeFileAtomically(join(folder, TOKENIZER, name), [encode(content)]);
  }
  await writeSafetensors(join(folder, WEIGHTS), await stateDict(encoder), { metadata: { format: 'pt' } });
  await writeFileAtomically(join(folder, MANIFEST), [encode(`${JSON.stringify(manifest, null, 2)}\n`)]);
}

/** Options of {@link load}. */
export interface LoadModelOptions {
  /** Builders of parts of your own, by kind, for this call; `registerKinds` makes them known to all. */
  readonly parts?: Kinds;
}

/**
 * Opens a model folder: what {@link save} wrote, or a folder with a trainer's checkpoints, of which it takes the best, or the last where none was
 * validated.
 *
 * @throws CheckpointError if the folder holds no model, or a damaged one
 * @throws ConfigError if it holds parts of kinds that nobody here knows, naming all of them
 */
export async function load(folder: string, options: LoadModelOptions = {}): Promise<JointModel> {
  checkFolder('diptych.load', folder);
  checkOptions('diptych.load', options, { parts: 'optional' });
  const { parts = {} } = options;
  const run = await loadRun(folder, parts);
  if (run) return run;
  const manifest = await readManifest(folder);
  const { encoder, transform, tokenizer } = buildParts(manifest, parts, join(folder, TOKENIZER));
  try {
    const adapter = manifest.version === 1 ? adapters.fromFormat1 : undefined;
    loadState(encoder, openSafetensors(join(folder, WEIGHTS)), { adapter });
    return new JointModel({ encoder, transform, tokenizer, tokenize: manifest.tokenize });
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}

function checkFolder(where: string, folder: string): void {
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
  let manifest: Partial<Manifest>;
  try {
    manifest = JSON.parse(await readFile(where, 'utf8')) as Partial<Manifest>;
  } catch (cause) {
    throw new CheckpointError(
      {
        where,
        expected: 'a model folder, as save() or a finished training run writes it',
        got: cause instanceof SyntaxError ? 'a file that is not JSON' : 'no such file',
        remedy: 'check the path; an interrupted run has no model yet',
      },
      { cause },
    );
  }
  const readable = manifest.version === 1 || manifest.version === VERSION;
  if (manifest.format !== FORMAT || !readable || !manifest.model) {
    throw new CheckpointError({
      where,
      expected: `format ${FORMAT}, version 1 or ${VERSION}`,
      got: `format ${manifest.format}, version ${manifest.version}`,
      remedy: 'open it with the version of diptych that wrote it',
    });
  }
  return manifest as Manifest;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
