import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CheckpointError } from '@diptych/core';
import { writeFileAtomically } from '@diptych/core/node';
import type { TensorData } from '@diptych/weights';
import { openSafetensors, type writeSafetensors } from '@diptych/weights/node';
import type { TrainingSnapshot } from '../trainer/run/checkpoint-store.js';

/** What `checkpoint.json` holds: the state, and what the tensor files have to be. Written last. */
export interface Manifest {
  readonly state: TrainingSnapshot['state'];
  readonly score?: number;
  /** Counts the saves in this folder: a run that went back to an earlier step has its newest checkpoint at a lower one. */
  readonly sequence?: number;
  readonly files: Readonly<Record<string, FileDigest>>;
  /** The tokenizer's, in `tokenizer/`. */
  readonly texts?: Readonly<Record<string, FileDigest>>;
}

interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

const MANIFEST = 'checkpoint.json';
const TOKENIZER = 'tokenizer';

/**
 * Writes a snapshot to an empty folder, and reads back what was written: the manifest last.
 *
 * @param sequence counts the saves
 * @throws CheckpointError if the disk did not keep it
 */
export async function writeCheckpoint(
  folder: string,
  { tensors, state, score, files: contents = {} }: TrainingSnapshot,
  sequence: number,
  writeTensors: typeof writeSafetensors,
): Promise<void> {
  const files: Record<string, Manifest['files'][string]> = {};
  for (const [part, values] of Object.entries(tensors)) {
    const path = join(folder, `${part}.safetensors`);
    await writeTensors(path, values);
    verifyEqual(path, values);
    files[`${part}.safetensors`] = await digest(path);
  }
  const texts: Record<string, FileDigest> = {};
  for (const [name, content] of Object.entries(contents)) {
    const path = join(folder, TOKENIZER, name);
    mkdirSync(join(folder, TOKENIZER), { recursive: true });
    await writeFileAtomically(path, [new TextEncoder().encode(content)]);
    texts[name] = await digest(path);
  }
  const manifest: Manifest = { state, score, sequence, files, texts };
  const text = JSON.stringify(manifest, null, 1);
  await writeFileAtomically(join(folder, MANIFEST), [new TextEncoder().encode(`${text}\n`)]);
  if (readFileSync(join(folder, MANIFEST), 'utf8') !== `${text}\n`) throw damaged(folder, MANIFEST);
}

/** @throws CheckpointError unless every file is as it was written */
export async function readCheckpoint(folder: string): Promise<TrainingSnapshot> {
  const { state, score, files, texts = {} } = readManifest(folder);
  const contents: Record<string, string> = {};
  for (const [name, expected] of Object.entries(texts)) {
    const path = join(folder, TOKENIZER, name);
    await checkDigest(folder, path, expected);
    contents[name] = readFileSync(path, 'utf8');
  }
  const tensors: Record<string, ReadonlyMap<string, TensorData>> = {};
  for (const [file, expected] of Object.entries(files)) {
    const path = join(folder, file);
    await checkDigest(folder, path, expected);
    const opened = openSafetensors(path);
    tensors[file.replace(/\.safetensors$/, '')] = new Map(
      [...opened.infos.keys()].map((key) => [key, opened.read(key)]),
    );
  }
  return { tensors, state, score, files: contents };
}

/** Undefined where it is damaged, or there is none. */
export function tryManifest(folder: string): Manifest | undefined {
  try {
    return readManifest(folder);
  } catch {
    return undefined;
  }
}

function readManifest(folder: string): Manifest {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as Manifest | null;
    if (!Number.isInteger(manifest?.state?.step) || typeof manifest?.files !== 'object')
      throw new Error('is not whole');
    return manifest;
  } catch (cause) {
    throw damaged(folder, MANIFEST, cause);
  }
}

/** Compares what is on the disk with what was to be written, byte by byte. */
function verifyEqual(path: string, tensors: ReadonlyMap<string, TensorData>): void {
  const opened = openSafetensors(path);
  for (const [name, { data }] of tensors) {
    const read = opened.read(name).data;
    const bytes = (array: TensorData['data']) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
    if (bytes(read).compare(bytes(data)) !== 0) throw damaged(path, name);
  }
}

/** @throws CheckpointError unless the file is as it was written */
async function checkDigest(folder: string, path: string, expected: FileDigest): Promise<void> {
  if (!existsSync(path)) throw damaged(folder, basename(path));
  const found = await digest(path);
  if (found.bytes !== expected.bytes || found.sha256 !== expected.sha256) throw damaged(folder, basename(path));
}

async function digest(path: string): Promise<FileDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

function damaged(folder: string, what: string, cause?: unknown): CheckpointError {
  return new CheckpointError(
    { where: `train: checkpoint ${folder}`, problem: `${what} is damaged`, remedy: 'use an older checkpoint' },
    { cause },
  );
}
