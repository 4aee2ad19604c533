import { setTimeout as sleep } from 'node:timers/promises';
import type { ExamplePair } from '@diptych/core/node';
import type { PollAnswer, PollRequest, RunDetails, RunSeries, ShownExamples, Want } from './api.js';
import type { LoggedExamples } from './run-log.js';
import type { RunsFolder } from './runs-folder.js';

/** Milliseconds between two looks while somebody waits. */
const LOOK = 400;
/** Runs of a want at most. */
const RUNS = 2000;

/** Answers what is new; where nothing is, waits for it as long as the page says. */
export async function poll(
  runs: RunsFolder,
  request: PollRequest,
  key: string,
  signal: AbortSignal,
): Promise<PollAnswer> {
  const end = performance.now() + request.wait * 1000;
  while (true) {
    await runs.refresh();
    const series = [];
    for (const want of request.wants) series.push(await seriesOf(runs, want));
    const focus = request.focus && (await detailsOf(runs, request.focus));
    const names = runs.namesAfter(request.since);
    const changed = runs.changedAfter(request.since);
    const isNew =
      names !== undefined ||
      changed.length > 0 ||
      focus !== undefined ||
      series.some((some) => Object.keys(some).length > 0);
    if (isNew || signal.aborted || performance.now() + LOOK > end) {
      return {
        key,
        version: runs.version,
        folder: runs.path,
        exists: runs.exists,
        runs: changed,
        ...(names && { names }),
        series,
        ...(focus && { focus }),
      };
    }
    await sleep(LOOK, undefined, { signal }).catch(() => {});
  }
}

/** New points of the runs of a want. */
export async function seriesOf(
  runs: RunsFolder,
  { keys, points, runs: asked }: Want,
): Promise<Record<string, RunSeries>> {
  const found: Record<string, RunSeries> = {};
  for (const [name, cursor] of Object.entries(asked).slice(0, RUNS)) {
    const log = await runs.log(name);
    if (!log) continue;
    const parts = log.parts(keys, points, cursor);
    if (Object.keys(parts).length > 0) found[name] = { cursor: log.cursor, parts };
  }
  return found;
}

/** New events and examples of a run; undefined where there are none, or no such run. */
export async function detailsOf(
  runs: RunsFolder,
  { run, cursor }: { readonly run: string; readonly cursor: string },
): Promise<RunDetails | undefined> {
  const log = await runs.log(run);
  if (!log) return undefined;
  const { events, reset, examples } = log.details(cursor);
  if (!examples && events.length === 0 && !(reset && cursor !== log.cursor)) return undefined;
  return {
    run,
    cursor: log.cursor,
    events,
    reset,
    ...(examples && { examples: withPairs(examples, await runs.examplePairs(run)) }),
  };
}

/** Texts of a page are cut here: a caption of a novel's length is still a caption. */
const TEXT = 1000;

function withPairs(examples: LoggedExamples, pairs: readonly Partial<ExamplePair>[]): ShownExamples {
  const shown: Record<number, { text: string; image: boolean }> = {};
  const see = (row: number, id: string) => {
    const pair = pairs[row];
    // another source's list would name other pictures
    const own = pair?.id === id ? pair : undefined;
    shown[row] = { text: String(own?.text ?? id).slice(0, TEXT), image: typeof own?.image === 'string' };
  };
  for (const list of [examples.best, examples.worst, examples.followed]) {
    for (const { row, id, found } of list) {
      see(row, id);
      for (const one of found) see(one.row, one.id);
    }
  }
  return { ...examples, pairs: shown };
}
