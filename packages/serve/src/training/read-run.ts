import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_FILES, type RunProcess } from '@diptych/core/node';
import type { RunSummary } from './api.js';
import { numberOf, parseLine } from './run-log.js';

/** Bytes at the end of a log that tell how it stands. */
const TAIL = 64 * 1024;
/** Bytes of the small files beside a log. */
const SMALL = 4 << 20;

/** What the files of a run say. */
export interface ReadRun {
  readonly summary: RunSummary;
  readonly process: RunProcess | undefined;
  /** Whether it left its figures. */
  readonly finished: boolean;
}

/**
 * Reads the small files of a run and the end of its log.
 *
 * @param changed when the log was, in milliseconds
 */
export async function readRun(name: string, path: string, log: string, changed: number): Promise<ReadRun> {
  const file = (key: keyof typeof RUN_FILES) => readSmall(join(path, RUN_FILES[key]));
  const [config, metrics, written, title, tail] = await Promise.all([
    file('config'),
    file('metrics'),
    file('process'),
    file('title'),
    readTail(join(path, log)),
  ]);
  const process = isProcess(written) ? written : undefined;
  const named = (title as { name?: unknown } | undefined)?.name;
  const figures = { ...tail.figures, ...(metrics !== undefined && flatNumbers(metrics)) };
  return {
    process,
    summary: {
      name,
      state: 'unknown',
      ...(typeof named === 'string' && named.trim() !== '' && { title: named.slice(0, 200) }),
      ...(process?.message !== undefined && { message: String(process.message).slice(0, 2000) }),
      ...(process?.command !== undefined && { command: String(process.command).slice(0, 2000) }),
      ...tail.step,
      figures,
      config: flatText(config),
      keys: tail.keys,
      changed,
    },
    finished: metrics !== undefined,
  };
}

/** The last step, figures and names of series, by the end of the log. */
async function readTail(path: string) {
  let text = '';
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const begin = Math.max(0, size - TAIL);
      const bytes = Buffer.alloc(size - begin);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, begin);
      text = bytes.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    // no log yet
  }
  let step: Pick<RunSummary, 'step' | 'total' | 'loss' | 'pairsPerSecond' | 'etaSeconds'> = { step: 0 };
  let figures: Record<string, number> = {};
  const keys = new Set<string>();
  for (const line of text.split('\n')) {
    const record = parseLine(line);
    if (record?.kind === 'step' && typeof record.step === 'number') {
      const { step: at, total, loss, pairsPerSecond, etaSeconds } = record;
      const value = numberOf(loss);
      step = {
        step: at as number,
        ...(typeof total === 'number' && { total }),
        ...(value !== undefined && { loss: Number.isFinite(value) ? value : null }),
        ...(typeof pairsPerSecond === 'number' && { pairsPerSecond }),
        ...(typeof etaSeconds === 'number' && { etaSeconds }),
      };
      for (const key of ['loss', 'gradNorm', 'pairsPerSecond']) if (key in record) keys.add(key);
      for (const key of ['parts', 'towerGradNorms', 'learningRates', 'updateRatios']) {
        for (const part of Object.keys((record[key] as object | undefined) ?? {})) keys.add(`${key}.${part}`);
      }
    } else if (record?.kind === 'validation') {
      figures = flatNumbers(record.metrics);
      for (const key of Object.keys(figures)) keys.add(`validation.${key}`);
    }
  }
  return { step, figures, keys: [...keys] };
}

/** JSON of a file that is not large. */
export async function readSmall(path: string): Promise<unknown> {
  try {
    if ((await stat(path)).size > SMALL) return undefined;
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function isProcess(value: unknown): value is RunProcess {
  const { pid, machine, state } = (value ?? {}) as Partial<RunProcess>;
  return Number.isInteger(pid) && typeof machine === 'string' && typeof state === 'string';
}

/** Values of a configuration by path, at most a few hundred. */
function flatText(value: unknown, prefix = '', into: Record<string, string> = {}): Record<string, string> {
  if (typeof value !== 'object' || value === null) return into;
  for (const [key, entry] of Object.entries(value)) {
    if (Object.keys(into).length >= 300) return into;
    const name = prefix + key;
    const leaf = typeof entry !== 'object' || entry === null || Array.isArray(entry);
    if (!leaf) flatText(entry, `${name}.`, into);
    else into[name] = (typeof entry === 'string' ? entry : JSON.stringify(entry)).slice(0, 500);
  }
  return into;
}

/** Numbers by path. */
export function flatNumbers(value: unknown, prefix = ''): Record<string, number> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]): [string, number][] =>
      typeof entry === 'number' && Number.isFinite(entry)
        ? [[prefix + key, entry]]
        : Object.entries(flatNumbers(entry, `${prefix}${key}.`)),
    ),
  );
}
