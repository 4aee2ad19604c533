import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError, ConfigError, type JsonObject } from '@diptych/core';
import type { TensorData } from '@diptych/weights';
import { openSafetensors, writeFileAtomically, writeSafetensors } from '@diptych/weights/node';
import type { CheckpointStore, TrainingSnapshot } from '../trainer/checkpoint-store.js';

/** Options of {@link FolderCheckpoints}. */
export interface FolderCheckpointsOptions {
  /** Newest checkpoints to keep, default 2: the last, and one before it in case the disk loses the last. */
  readonly keepLast?: number;
  /** Best checkpoints to keep beside them, by score; default 1. */
  readonly keepBest?: number;
  /** Called when a damaged checkpoint is passed over; default `console.warn`. */
  readonly onDamaged?: (message: string) => void;
  /** Writes one tensor file; for tests of full disks. */
  readonly writeTensors?: typeof writeSafetensors;
}

/** What `checkpoint.json` holds: the state, and what the tensor files have to be. Written last. */
interface Manifest {
  readonly state: JsonObject & { readonly step: number };
  readonly score?: number;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

const MANIFEST = 'checkpoint.json';
const NAME = /^step-\d{9}$/;

/**
 * Checkpoints in a folder, one folder each (`step-000000300/`): tensors as safetensors under PyTorch's names, the rest as
 * JSON.
 *
 * A checkpoint is written under another name, synced, read back and compared, and only then renamed; older ones go after
 * that. So a process killed at any moment, or a full disk, leaves the last good one. Every load checks SHA-256 sums.
 */
export class FolderCheckpoints implements CheckpointStore {
  readonly folder: string;
  readonly #keepLast: number;
  readonly #keepBest: number;
  readonly #onDamaged: (message: string) => void;
  readonly #writeTensors: typeof writeSafetensors;

  /** @throws ConfigError unless at least one checkpoint is kept */
  constructor(folder: string, options: FolderCheckpointsOptions = {}) {
    const { keepLast = 2, keepBest = 1, onDamaged = console.warn, writeTensors = writeSafetensors } = options;
    if (!(Number.isInteger(keepLast) && keepLast >= 1 && Number.isInteger(keepBest) && keepBest >= 0)) {
      throw new ConfigError({
        where: 'train.FolderCheckpoints',
        expected: 'keepLast of at least 1 and keepBest of at least 0',
        got: `${keepLast} and ${keepBest}`,
      });
    }
    this.folder = folder;
    this.#keepLast = keepLast;
    this.#keepBest = keepBest;
    this.#onDamaged = onDamaged;
    this.#writeTensors = writeTensors;
  }

  /** Names of the checkpoints, oldest first, damaged ones included. */
  list(): string[] {
    if (!existsSync(this.folder)) return [];
    return readdirSync(this.folder)
      .filter((name) => NAME.test(name) && existsSync(join(this.folder, name, MANIFEST)))
      .sort();
  }

  async save(snapshot: TrainingSnapshot): Promise<string> {
    const name = `step-${String(snapshot.state.step).padStart(9, '0')}`;
    const unfinished = join(this.folder, `.writing-${name}-${process.pid}`);
    try {
      mkdirSync(this.folder, { recursive: true });
      this.#clearLeftovers();
      rmSync(unfinished, { recursive: true, force: true });
      mkdirSync(unfinished);
      await this.#write(unfinished, snapshot);
      this.#remove(name);
      await rename(unfinished, join(this.folder, name));
      await syncFolder(this.folder);
    } catch (cause) {
      rmSync(unfinished, { recursive: true, force: true });
      const code = (cause as NodeJS.ErrnoException).code;
      const full = code === 'ENOSPC' || code === 'EDQUOT';
      throw new CheckpointError(
        {
          where: `train: checkpoint ${join(this.folder, name)}`,
          problem: `cannot be written: ${full ? 'the disk is full' : (cause as Error).message}`,
          remedy: `${full ? 'make room; ' : ''}the last good checkpoint is ${this.list().at(-1) ?? 'none yet'}`,
        },
        { cause },
      );
    }
    this.#prune();
    return name;
  }

  async load(which: string): Promise<TrainingSnapshot | undefined> {
    const names = this.list();
    if (which !== 'latest' && which !== 'best') {
      if (!names.includes(which)) return undefined;
      return this.#read(which);
    }
    const order = which === 'latest' ? [...names].reverse() : this.#byScore(names);
    for (const name of order) {
      try {
        return await this.#read(name);
      } catch (error) {
        this.#onDamaged(`${(error as Error).message}; trying the one before it`);
      }
    }
    return undefined;
  }

  async #write(folder: string, { tensors, state, score }: TrainingSnapshot): Promise<void> {
    const files: Record<string, Manifest['files'][string]> = {};
    for (const [part, values] of Object.entries(tensors)) {
      const path = join(folder, `${part}.safetensors`);
      await this.#writeTensors(path, values);
      verifyEqual(path, values);
      files[`${part}.safetensors`] = await digest(path);
    }
    const manifest: Manifest = { state, score, files };
    const text = JSON.stringify(manifest, null, 1);
    await writeFileAtomically(join(folder, MANIFEST), [new TextEncoder().encode(`${text}\n`)]);
    if (readFileSync(join(folder, MANIFEST), 'utf8') !== `${text}\n`) throw damaged(folder, MANIFEST);
  }

  async #read(name: string): Promise<TrainingSnapshot> {
    const folder = join(this.folder, name);
    const { state, score, files } = readManifest(folder);
    const tensors: Record<string, ReadonlyMap<string, TensorData>> = {};
    for (const [file, expected] of Object.entries(files)) {
      const path = join(folder, file);
      if (!existsSync(path)) throw damaged(folder, file);
      const found = await digest(path);
      if (found.bytes !== expected.bytes || found.sha256 !== expected.sha256) throw damaged(folder, file);
      const opened = openSafetensors(path);
      tensors[file.replace(/\.safetensors$/, '')] = new Map(
        [...opened.infos.keys()].map((key) => [key, opened.read(key)]),
      );
    }
    return { tensors, state, score };
  }

  #byScore(names: readonly string[]): string[] {
    return names
      .flatMap((name) => {
        try {
          const { score } = readManifest(join(this.folder, name));
          return score === undefined ? [] : [{ name, score }];
        } catch {
          return [];
        }
      })
      .sort((a, b) => b.score - a.score)
      .map(({ name }) => name);
  }

  #prune(): void {
    const names = this.list();
    const kept = new Set([...names.slice(-this.#keepLast), ...this.#byScore(names).slice(0, this.#keepBest)]);
    for (const name of names) if (!kept.has(name)) this.#remove(name);
  }

  /** Renames before it deletes: a folder that is half gone must not look like a checkpoint. */
  #remove(name: string): void {
    const path = join(this.folder, name);
    if (!existsSync(path)) return;
    const condemned = join(this.folder, `.old-${name}-${process.pid}`);
    renameSync(path, condemned);
    rmSync(condemned, { recursive: true, force: true });
  }

  /** What killed processes left behind. */
  #clearLeftovers(): void {
    for (const entry of readdirSync(this.folder)) {
      if (/^\.(writing|old)-step-/.test(entry)) rmSync(join(this.folder, entry), { recursive: true, force: true });
    }
  }
}

function readManifest(folder: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as Manifest;
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

async function digest(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // cannot open folders, and needs no sync of them
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function damaged(folder: string, what: string, cause?: unknown): CheckpointError {
  return new CheckpointError(
    { where: `train: checkpoint ${folder}`, problem: `${what} is damaged`, remedy: 'use an older checkpoint' },
    { cause },
  );
}
