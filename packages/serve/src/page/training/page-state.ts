/** What is looked at, as the address has it: a link to it shows the same. */
export interface PageState {
  /** Names of runs in the charts; `newest` and `all` go with the list. */
  readonly show: 'newest' | 'all' | readonly string[];
  /** The run that is looked at by itself; '' for the newest. */
  readonly run: string;
  /** Runs whose names or configurations hold it. */
  readonly filter: string;
  readonly sort: Sort;
  /** Steps that are averaged over, about; 0 for none. */
  readonly smooth: number;
  readonly x: 'steps' | 'time';
  readonly logX: boolean;
  /** Charts with a logarithmic axis. */
  readonly log: readonly string[];
}

export const SORTS = ['newest', 'name', 'loss', 'recall'] as const;
export type Sort = (typeof SORTS)[number];

/** Steps that charts can average over. */
export const SMOOTHINGS = [0, 2, 5, 10, 20, 50, 100, 200, 500, 1000] as const;

/** Names in an address at most; more are `all`. */
const NAMES = 60;

export function readState(search: string): PageState {
  const asked = new URLSearchParams(search);
  const text = (name: string) => asked.get(name) ?? '';
  const names = asked.getAll('show');
  const smooth = Number(text('smooth'));
  return {
    show: names[0] === '*' ? 'all' : names.length > 0 ? names.filter((name) => name !== '') : 'newest',
    run: text('run'),
    filter: text('filter'),
    sort: SORTS.find((sort) => sort === text('sort')) ?? 'newest',
    smooth: SMOOTHINGS.find((one) => one === smooth) ?? 0,
    x: text('x') === 'time' ? 'time' : 'steps',
    logX: asked.has('logx'),
    log: asked.getAll('log'),
  };
}

export function writeState({ show, run, filter, sort, smooth, x, logX, log }: PageState): string {
  const asked = new URLSearchParams();
  if (show === 'all' || (Array.isArray(show) && show.length > NAMES)) asked.set('show', '*');
  else if (Array.isArray(show)) for (const name of show.length > 0 ? show : ['']) asked.append('show', name);
  const rest = {
    run,
    filter,
    sort: sort === 'newest' ? '' : sort,
    smooth: smooth || '',
    x: x === 'time' ? x : '',
    logx: logX ? '1' : '',
  };
  for (const [name, value] of Object.entries(rest)) if (value !== '') asked.set(name, String(value));
  for (const chart of log) asked.append('log', chart);
  const written = asked.toString();
  return written === '' ? location.pathname : `?${written}`;
}
