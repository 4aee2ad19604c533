import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError, ConfigError, checkOptions, checkPath } from '@diptych/core';
import { FolderLock, isAlive, ownIdentity, syncFolder } from '@diptych/core/node';
import { writeSafetensors } from '@diptych/weights/node';
import type { CheckpointStore, OnDamaged, TrainingSnapshot } from '../trainer/run/checkpoint-store.js';
import { type Manifest, readCheckpoint, tryManifest, writeCheckpoint } from './checkpoint-files.js';

/** Options of {@link FolderCheckpoints}. */
export interface FolderCheckpointsOptions {
  /** Newest checkpoints to keep, default 2: the last, and one before it in case the disk loses the last. */
  readonly keepLast?: number;
  /** Best checkpoints to keep beside them, by score; default 1. */
  readonly keepBest?: number;
  /** Writes one tensor file; for tests of full disks. */
  readonly writeTensors?: typeof writeSafetensors;
}

/** A checkpoint of the folder; without a manifest where that is damaged. */
interface Entry {
  readonly name: string;
  readonly manifest: Manifest | undefined;
}

const NAME = /^step-\d{9}$/;
/** Not to be read, and not to be lost: see `#remove`. */
const DAMAGED = /^step-\d{9}-damaged-\d+$/;
/** Being written, or being deleted: name of the checkpoint, machine, number and start of the process. */
const LEFTOVER = /^\.(?:writing|old)-step-\d{9}-(?:([0-9a-f]{16})-)?(\d+)(?:-(\d*))?$/;
/** Leftovers of other machines are nobody's after this long. */
const FORGOTTEN_MS = 60 * 60_000;

/**
 * Checkpoints of one run in a folder, one folder each (`step-000000300/`): tensors as safetensors under PyTorch's names, the
 * rest as JSON.
 *
 * A checkpoint is written under another name, synced, read back and compared, and only then renamed; older ones of the
 * run go after that. So a process killed at any moment, or a full disk, leaves the last good one. Every load checks SHA-256
 * sums. While `fit` trains, the folder is locked. Checkpoints of other runs are never replaced or deleted.
 */
export class FolderCheckpoints implements CheckpointStore {
  readonly folder: string;
  readonly #keepLast: number;
  readonly #keepBest: number;
  readonly #writeTensors: typeof writeSafetensors;
  #lock: FolderLock | undefined;

  /** @throws ConfigError unless at least one checkpoint is kept */
  constructor(folder: string, options: FolderCheckpointsOptions = {}) {
    checkPath('train.FolderCheckpoints', folder);
    checkOptions('train.FolderCheckpoints', options, {
      keepLast: 'optional',
      keepBest: 'optional',
      writeTensors: 'optional',
    });
    const { keepLast = 2, keepBest = 1, writeTensors = writeSafetensors } = options;
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
    this.#writeTensors = writeTensors;
  }

  /** Names of the checkpoints, oldest first, damaged ones included. */
  list(): string[] {
    return this.#entries().map(({ name }) => name);
  }

  /**
   * Makes the folder, locks it, and takes away what killed processes left.
   *
   * @param bytes of a checkpoint, for which there has to be room
   * @throws CheckpointError if another process trains in it, or it cannot be written
   */
  async open(bytes: number): Promise<void> {
    let lock: FolderLock | undefined;
    try {
      mkdirSync(this.folder, { recursive: true });
      lock = FolderLock.take(this.folder, (holder) => folderInUse(this.folder, holder));
      this.#clearLeftovers();
      checkSpace(this.folder, bytes);
    } catch (error) {
      lock?.release();
      throw error instanceof CheckpointError ? error : unwritable(this.folder, error);
    }
    this.#lock = lock;
  }

  /** Gives the lock back. */
  async close(): Promise<void> {
    this.#lock?.release();
    this.#lock = undefined;
  }

  /** Identities of the runs whose checkpoints are here; empty text for one that is damaged or from before there were any. */
  async runs(): Promise<string[]> {
    return [...new Set(this.#entries().map(({ manifest }) => manifest?.state.run ?? ''))];
  }

  /** Moves all checkpoints, damaged ones too, to a folder inside of this one, and gives its path. */
  async moveAside(): Promise<string> {
    const time = new Date().toISOString().replace(/[:.]/g, '-');
    const aside = join(this.folder, `before-${time}`);
    mkdirSync(aside);
    const entries = readdirSync(this.folder).filter((name) => NAME.test(name) || DAMAGED.test(name));
    for (const name of entries) renameSync(join(this.folder, name), join(aside, name));
    await syncFolder(this.folder);
    return aside;
  }

  /**
   * Writes a checkpoint and gives its name; older ones of the run go after that.
   *
   * @throws CheckpointError if it cannot be written, or would replace another run's
   */
  async save(snapshot: TrainingSnapshot): Promise<string> {
    const { step, run = '' } = snapshot.state;
    const name = `step-${String(step).padStart(9, '0')}`;
    const unfinished = join(this.folder, `.writing-${name}-${processTag()}`);
    this.#refuseOtherRun(name, run);
    try {
      mkdirSync(this.folder, { recursive: true });
      this.#clearLeftovers();
      mkdirSync(unfinished);
      await writeCheckpoint(unfinished, snapshot, this.#nextSequence(), this.#writeTensors);
      this.#remove(name);
      await rename(unfinished, join(this.folder, name));
      await syncFolder(this.folder);
    } catch (cause) {
      rmSync(unfinished, { recursive: true, force: true });
      const full = isFull(cause);
      const last = this.#entries().findLast(({ manifest }) => manifest?.state.run === snapshot.state.run);
      throw new CheckpointError(
        {
          where: `train: checkpoint ${join(this.folder, name)}`,
          problem: `cannot be written: ${full ? 'the disk is full' : (cause as Error).message}`,
          remedy: `${full ? 'make room; ' : ''}the last good checkpoint is ${last?.name ?? 'none yet'}`,
        },
        { cause },
      );
    }
    this.#prune(run);
    return name;
  }

  /**
   * @param which `latest`, `best` (by score), or a name
   * @param onDamaged hears of those that `latest` and `best` pass over
   * @returns undefined where there is none that is whole
   * @throws CheckpointError if the named one is damaged
   */
  async load(which: string, onDamaged?: OnDamaged): Promise<TrainingSnapshot | undefined> {
    const entries = this.#entries();
    if (which !== 'latest' && which !== 'best') {
      if (!entries.some(({ name }) => name === which)) return undefined;
      return readCheckpoint(join(this.folder, which));
    }
    for (const { name } of which === 'latest' ? entries.reverse() : byScore(entries)) {
      try {
        return await readCheckpoint(join(this.folder, name));
      } catch (error) {
        await onDamaged?.(name, (error as Error).message);
      }
    }
    return undefined;
  }

  /** Oldest first; what cannot be read is taken for newer than the rest. */
  #entries(): Entry[] {
    if (!existsSync(this.folder)) return [];
    const sequence = ({ manifest }: Entry) => (manifest ? (manifest.sequence ?? 0) : Number.POSITIVE_INFINITY);
    return readdirSync(this.folder)
      .filter((name) => NAME.test(name))
      .sort()
      .map((name) => ({ name, manifest: tryManifest(join(this.folder, name)) }))
      .sort((a, b) => (sequence(a) === sequence(b) ? 0 : sequence(a) - sequence(b)));
  }

  #nextSequence(): number {
    return 1 + Math.max(0, ...this.#entries().map(({ manifest }) => manifest?.sequence ?? 0));
  }

  /** @throws CheckpointError if that name is a checkpoint of another run */
  #refuseOtherRun(name: string, run: string): void {
    const path = join(this.folder, name);
    const manifest = tryManifest(path);
    if (!manifest || (manifest.state.run ?? '') === run) return;
    throw new CheckpointError({
      where: `train: checkpoint ${path}`,
      problem: 'it belongs to another run',
      remedy: 'save to another folder, or move the old checkpoints aside first',
    });
  }

  #prune(run: string): void {
    const own = this.#entries().filter(({ manifest }) => manifest && (manifest.state.run ?? '') === run);
    const kept = new Set([...own.slice(-this.#keepLast), ...byScore(own).slice(0, this.#keepBest)]);
    for (const entry of own) if (!kept.has(entry)) this.#remove(entry.name);
  }

  /**
   * Renames before it deletes: a folder that is half gone must not look like a checkpoint. One that does not say whose it is stays,
   * under another name.
   */
  #remove(name: string): void {
    const path = join(this.folder, name);
    if (!existsSync(path)) return;
    if (!tryManifest(path)) {
      renameSync(path, `${path}-damaged-${Date.now()}`);
      return;
    }
    const condemned = join(this.folder, `.old-${name}-${processTag()}`);
    renameSync(path, condemned);
    rmSync(condemned, { recursive: true, force: true });
  }

  /** What killed processes left behind; never what a living one is writing. */
  #clearLeftovers(): void {
    for (const entry of readdirSync(this.folder)) {
      const [, machine, pid, started] = LEFTOVER.exec(entry) ?? [];
      if (pid === undefined) continue;
      const path = join(this.folder, entry);
      const owner = { machine: machine ?? ownIdentity().machine, host: '', pid: Number(pid), started: started ?? '' };
      if (isAlive(owner) ?? !isOlderThan(path, FORGOTTEN_MS)) continue;
      rmSync(path, { recursive: true, force: true });
    }
  }
}

function byScore(entries: readonly Entry[]): Entry[] {
  return entries
    .filter(({ manifest }) => manifest?.score !== undefined)
    .sort((a, b) => b.manifest!.score! - a.manifest!.score!);
}

/** Names what this process is writing now. */
function processTag(): string {
  const { machine, pid, started } = ownIdentity();
  return `${machine}-${pid}-${started}`;
}

function isOlderThan(path: string, milliseconds: number): boolean {
  try {
    return Date.now() - statSync(path).mtimeMs > milliseconds;
  } catch {
    return false;
  }
}

/** @throws CheckpointError if there is less room than a checkpoint takes */
function checkSpace(folder: string, bytes: number): void {
  const { bavail, bsize, blocks } = statfsSync(folder);
  const free = bavail * bsize;
  if (blocks === 0 || free >= bytes) return; // some network disks do not say
  const mebibytes = (count: number) => `${(count / 2 ** 20).toFixed(1)} MiB`;
  throw new CheckpointError({
    where: `train: run folder ${folder}`,
    expected: `room for a checkpoint of about ${mebibytes(bytes)}`,
    got: `${mebibytes(free)}: the disk is full`,
    remedy: 'make room, or use a folder on another disk',
  });
}

function isFull(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function unwritable(folder: string, cause: unknown): CheckpointError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why =
    code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
      ? 'it is read-only for this user'
      : code === 'ENOTDIR' || code === 'EEXIST'
        ? 'it, or a folder that it should lie in, is a file'
        : isFull(cause)
          ? 'the disk is full'
          : message;
  return new CheckpointError(
    {
      where: `train: run folder ${folder}`,
      problem: `cannot be written: ${why}`,
      remedy: 'name a folder that this process may write to',
    },
    { cause },
  );
}

function folderInUse(folder: string, holder: string): CheckpointError {
  return new CheckpointError({
    where: `train: run folder ${folder}`,
    problem: `${holder} is training in it`,
    remedy: 'wait for it or end it, or use another folder for this run',
  });
}
