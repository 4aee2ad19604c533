import { useMemo, useState } from 'preact/hooks';
import type { RunState, RunSummary } from '../../training/api.js';
import { colourOf } from './colours.js';
import { formatNumber, shown as safe } from './format.js';
import { type PageState, SORTS, type Sort } from './page-state.js';
import type { RunsSource } from './runs-source.js';
import { VirtualRows } from './virtual-rows.js';

interface RunListProps {
  readonly source: RunsSource;
  readonly state: PageState;
  readonly shown: ReadonlySet<string>;
  readonly focused: string | undefined;
  readonly places: ReadonlyMap<string, number>;
  readonly onChange: (part: Partial<PageState>) => void;
}

const ROW = 46;

/** States as people say them. */
export const STATES: Readonly<Record<RunState, string>> = {
  running: 'training',
  waiting: 'stopped, can go on',
  finished: 'finished',
  stopped: 'stopped',
  failed: 'failed',
  unknown: 'not known',
};

/** The recall that lists show. */
export function recallOf({ figures }: RunSummary): number | undefined {
  return figures['textToImage.recall@1'];
}

/** Runs whose name, title or configuration holds every word of a filter (`rate=0.001` as well), in order. */
export function listed(runs: readonly RunSummary[], filter: string, sort: Sort): RunSummary[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const found = runs.filter((run) => {
    if (words.length === 0) return true;
    const config = Object.entries(run.config).map(([key, value]) => `${key}=${value}`);
    const text = [run.name, run.title, STATES[run.state], ...config].join('\n').toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const last = (value: number | null | undefined) => (typeof value === 'number' ? value : Number.POSITIVE_INFINITY);
  const orders: Readonly<Record<Sort, (a: RunSummary, b: RunSummary) => number>> = {
    newest: (a, b) => b.changed - a.changed,
    name: (a, b) => (a.title ?? a.name).localeCompare(b.title ?? b.name, 'en', { numeric: true }),
    loss: (a, b) => last(a.loss) - last(b.loss) || 0,
    recall: (a, b) => (recallOf(b) ?? -1) - (recallOf(a) ?? -1),
  };
  return found.sort(orders[sort]);
}

/** Runs to show, hide and look at. */
export function RunList({ source, state, shown, focused, places, onChange }: RunListProps) {
  const all = useMemo(() => [...source.runs.values()], [source.runs]);
  const found = useMemo(() => listed(all, state.filter, state.sort), [all, state.filter, state.sort]);
  const [open, setOpen] = useState(() => innerWidth > 860);
  const set = (name: string, on: boolean) => {
    const names = new Set(shown);
    if (on) names.add(name);
    else names.delete(name);
    onChange({ show: [...names] });
  };
  return (
    <nav class="runs" aria-label="Runs">
      <details open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          Runs{' '}
          <span class="faint">{`${[...shown].filter((name) => source.runs.has(name)).length} of ${all.length} shown`}</span>
        </summary>
        <div class="choose">
          <input
            type="search"
            aria-label="Filter runs by name or configuration"
            placeholder="name, or rate=0.001"
            value={state.filter}
            onInput={({ currentTarget }) => onChange({ filter: currentTarget.value })}
          />
          <select
            aria-label="Order of runs"
            value={state.sort}
            onChange={({ currentTarget }) => onChange({ sort: currentTarget.value as Sort })}
          >
            {SORTS.map((sort) => (
              <option key={sort} value={sort}>
                {sort === 'recall' ? 'R@1' : sort}
              </option>
            ))}
          </select>
          <button
            type="button"
            onClick={() => onChange({ show: state.filter === '' ? 'all' : found.map(({ name }) => name) })}
          >
            Show all
          </button>
          <button type="button" onClick={() => onChange({ show: 'newest' })}>
            Newest
          </button>
          <button type="button" onClick={() => onChange({ show: [] })}>
            None
          </button>
        </div>
        {open && (
          <VirtualRows
            label="Runs"
            count={found.length}
            height={ROW}
            keyOf={(place) => found[place]!.name}
            row={(place) => (
              <Row
                run={found[place]!}
                colour={colourOf(places.get(found[place]!.name) ?? 0)}
                shown={shown.has(found[place]!.name)}
                focused={found[place]!.name === focused}
                onShow={set}
                onFocus={(run) => onChange({ run })}
              />
            )}
          />
        )}
        {found.length === 0 && all.length > 0 && <p class="faint">None of {all.length} runs has these words.</p>}
      </details>
    </nav>
  );
}

interface RowProps {
  readonly run: RunSummary;
  readonly colour: string;
  readonly shown: boolean;
  readonly focused: boolean;
  readonly onShow: (name: string, on: boolean) => void;
  readonly onFocus: (name: string) => void;
}

function Row({ run, colour, shown, focused, onShow, onFocus }: RowProps) {
  const { name, title = name, state, step, total, loss } = run;
  const recall = recallOf(run);
  return (
    <div class={focused ? 'run focused' : 'run'}>
      <input
        type="checkbox"
        checked={shown}
        aria-label={`Show ${safe(title)}`}
        style={{ accentColor: colour }}
        onChange={({ currentTarget }) => onShow(name, currentTarget.checked)}
      />
      <button type="button" aria-pressed={focused} title={safe(title)} onClick={() => onFocus(name)}>
        <span class="name">
          <i class="swatch" style={{ background: colour }} />
          <bdi>{safe(title)}</bdi>
        </span>
        <span class={`faint state ${state}`}>
          {STATES[state]}
          {state === 'running' && total ? ` ${Math.floor((100 * step) / total)} %` : ''}
          {recall !== undefined
            ? ` · R@1 ${(100 * recall).toFixed(1)} %`
            : loss !== undefined
              ? ` · loss ${formatNumber(loss)}`
              : ''}
        </span>
      </button>
    </div>
  );
}
