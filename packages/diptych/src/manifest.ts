import { CheckpointError, type PartDescription, type TokenizeOptions } from '@diptych/core';
import type { ListedFile } from '@diptych/weights';

/** Says what a folder holds and how to build it. Written last, so a folder that has it is complete. */
export const MANIFEST = 'model.json';
export const WEIGHTS = 'model.safetensors';
/** In place of the one file of weights, where they are spread over several. */
export const WEIGHTS_INDEX = 'model.safetensors.index.json';
export const TOKENIZER = 'tokenizer';
export const FORMAT = 'diptych-model';
/** 2: each part has one word, `image.*`, `text.*`, `fusion.*`. 1: `image_encoder.*`, `text_encoder.*`, `fusion_layer.*`. */
export const VERSION = 2;

export interface Manifest {
  readonly format: typeof FORMAT;
  readonly version: 1 | typeof VERSION;
  readonly model: PartDescription;
  readonly transform: PartDescription;
  readonly tokenizer: PartDescription;
  readonly tokenize: TokenizeOptions;
  /** The folder's other files, by which a model is read from a web server; folders of before do not list them. */
  readonly files?: Readonly<Record<string, ListedFile>>;
}

/**
 * Reads `model.json`.
 *
 * @param text undefined where there is no such file
 * @throws CheckpointError if it is none, or of a format that is not known here
 */
export function parseManifest(text: string | undefined, where: string, problem?: unknown): Manifest {
  let manifest: Partial<Manifest> = {};
  try {
    if (text === undefined) throw problem;
    manifest = JSON.parse(text) as Partial<Manifest>;
  } catch (cause) {
    throw new CheckpointError(
      {
        where,
        expected: 'a model folder, as save() or a finished training run writes it',
        got: text === undefined ? 'no such file' : 'a file that is not JSON',
        remedy: 'check the path; an interrupted run has no model yet',
      },
      { cause },
    );
  }
  const readable = manifest.version === 1 || manifest.version === VERSION;
  if (manifest.format === FORMAT && readable && manifest.model) return manifest as Manifest;
  throw new CheckpointError({
    where,
    expected: `format ${FORMAT}, version 1 or ${VERSION}`,
    got: `format ${manifest.format}, version ${manifest.version}`,
    remedy: 'open it with the version of diptych that wrote it',
  });
}
