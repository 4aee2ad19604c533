import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type ExamplePair, isAlive, RUN_FILES, type RunProcess } from '@diptych/core/node';
import type { RunState, RunSummary } from './api.js';
import { readRun, readSmall } from './read-run.js';
import { RunLog } from './run-log.js';

/** Milliseconds between two looks at the folder, whoever asks. */
const LOOK = 250;
/** The same for runs whose process has ended. */
const REST = 3000;
/** A log without a known process belongs to a run that trains while it grew in so many milliseconds, by this clock. */
const GROWING = 60_000;
/** Logs that are kept in memory. */
const LOGS = 400;

/** A run as it was last seen. */
interface KnownRun {
  readonly path: string;
  /** The version of the list at its last change. */
  version: number;
  summary: RunSummary;
  /** Of the files it was made of. */
  stamp: string;
  looked: number;
  logBytes: number;
  /** When its log was last seen to grow. */
  grew: number;
  process: RunProcess | undefined;
  finished: boolean;
  /** Name of its log. */
  log: string;
}

/** Logs under the command's name, and under that of the documentation's examples. */
const LOG_NAMES = [RUN_FILES.log, 'log.jsonl'];

/**
 * Runs in a folder, a subfolder each, or one run's own folder. Of a run that nobody looks at only the end of its log is read. The folder may go away
 * and come back.
 */
export class RunsFolder {
  readonly path: string;
  readonly #runs = new Map<string, KnownRun>();
  readonly #logs = new Map<string, RunLog>();
  #names: readonly string[] = [];
  #namesVersion = 0;
  #version = 0;
  #looking: Promise<void> | undefined;
  #looked = Number.NEGATIVE_INFINITY;
  exists = true;

  constructor(path: string) {
    this.path = resolve(path);
  }

  get version(): number {
    return this.#version;
  }

  /** Names in their order, where they changed after a version. */
  namesAfter(version: number): readonly string[] | undefined {
    return version === 0 || this.#namesVersion > version ? this.#names : undefined;
  }

  /** Runs that changed after a version. */
  changedAfter(version: number): RunSummary[] {
    return [...this.#runs.values()].filter((run) => run.version > version).map(({ summary }) => summary);
  }

  get(name: string): RunSummary | undefined {
    return this.#runs.get(name)?.summary;
  }

  /** The folder of a run that was seen; undefined for any other name. */
  pathOf(name: string): string | undefined {
    return this.#runs.get(name)?.path;
  }

  /** The log of a run, read as far as it goes. */
  async log(name: string): Promise<RunLog | undefined> {
    const run = this.#runs.get(name);
    if (!run) return undefined;
    let log = this.#logs.get(name);
    if (!log) {
      log = new RunLog(join(run.path, run.log));
      this.#logs.set(name, log);
      if (this.#logs.size > LOGS) this.#drop();
    }
    await log.refresh();
    return log;
  }

  /** Captions and pictures of its examples, by row. */
  async examplePairs(name: string): Promise<readonly Partial<ExamplePair>[]> {
    const run = this.#runs.get(name);
    const read = run && (await readSmall(join(run.path, RUN_FILES.examples)));
    return Array.isArray(read) ? (read as Partial<ExamplePair>[]) : [];
  }

  /** Looks at a run anew the next time, as something was just changed in it. */
  touch(name: string): void {
    const run = this.#runs.get(name);
    if (run) Object.assign(run, { stamp: '', looked: Number.NEGATIVE_INFINITY });
    this.#looked = Number.NEGATIVE_INFINITY;
  }

  /** Looks at the folder, unless somebody did just now. */
  refresh(): Promise<void> {
    if (performance.now() - this.#looked < LOOK) return this.#looking ?? Promise.resolve();
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      this.#looked = performance.now();
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const found = await this.#list();
    const names = [...(found ?? new Map<string, string>()).keys()];
    const exists = found !== undefined;
    if (exists !== this.exists || names.join('\n') !== this.#names.join('\n')) {
      this.exists = exists;
      this.#names = names;
      this.#namesVersion = ++this.#version;
      for (const name of this.#runs.keys()) {
        if (found?.has(name)) continue;
        this.#runs.delete(name);
        this.#logs.delete(name);
      }
    }
    for (const [name, path] of found ?? []) await this.#lookAt(name, path);
  }

  async #lookAt(name: string, path: string): Promise<void> {
    const now = performance.now();
    const known = this.#runs.get(name);
    const rests = known && (known.process?.state === 'ended' || known.summary.state === 'finished');
    if (rests && now - known.looked < REST) return;
    const file = known?.log ?? (await logName(path));
    const [folder, log] = await Promise.all([sizeOf(path), sizeOf(join(path, file))]);
    const stamp = `${folder.time} ${log.bytes} ${log.time}`;
    const grew = known && log.bytes !== known.logBytes ? now : (known?.grew ?? Number.NEGATIVE_INFINITY);
    if (known) known.looked = now;
    if (known?.stamp === stamp && stateOf(known, now) === known.summary.state) return;
    const read = known?.stamp === stamp ? undefined : await readRun(name, path, file, log.time);
    const run: KnownRun = {
      path,
      version: 0,
      summary: read?.summary ?? known!.summary,
      stamp,
      looked: now,
      logBytes: log.bytes,
      grew,
      process: read ? read.process : known!.process,
      finished: read?.finished ?? known!.finished,
      log: log.bytes < 0 ? await logName(path) : file,
    };
    run.summary = { ...run.summary, state: stateOf(run, now) };
    if (JSON.stringify(run.summary) === JSON.stringify(known?.summary)) {
      run.version = known!.version;
    } else run.version = ++this.#version;
    this.#runs.set(name, run);
  }

  /** Runs by name; undefined where the folder cannot be read. */
  async #list(): Promise<Map<string, string> | undefined> {
    if (await isRun(this.path)) return new Map([[basename(this.path), this.path]]);
    try {
      const entries = await readdir(this.path, { withFileTypes: true });
      const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
      const found = new Map<string, string>();
      for (const { name } of folders.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const path = join(this.path, name);
        if (this.#runs.has(name) || (await isRun(path))) found.set(name, path);
      }
      return found;
    } catch {
      return undefined;
    }
  }

  #drop(): void {
    const [oldest] = [...this.#logs].reduce((a, b) => (b[1].used < a[1].used ? b : a));
    this.#logs.delete(oldest);
  }
}

function stateOf({ process, finished, grew }: KnownRun, now: number): RunState {
  if (process?.state === 'ended') {
    if (process.stopped === 'failed') return 'failed';
    if (process.stopped === 'aborted') return finished ? 'finished' : 'stopped';
    return 'finished';
  }
  const growing = now - grew < GROWING;
  const alive = process && (isAlive(process) ?? (growing ? true : undefined));
  if (alive) return process.state === 'waiting' ? 'waiting' : 'running';
  if (finished) return 'finished';
  if (growing && !process) return 'running';
  return alive === false ? 'stopped' : 'unknown';
}

async function isRun(path: string): Promise<boolean> {
  for (const name of [RUN_FILES.config, RUN_FILES.process, ...LOG_NAMES]) {
    if ((await sizeOf(join(path, name))).bytes >= 0) return true;
  }
  return false;
}

async function logName(path: string): Promise<string> {
  for (const name of LOG_NAMES) if ((await sizeOf(join(path, name))).bytes >= 0) return name;
  return RUN_FILES.log;
}

async function sizeOf(path: string): Promise<{ readonly bytes: number; readonly time: number }> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { bytes: size, time: mtimeMs };
  } catch {
    return { bytes: -1, time: 0 };
  }
}
