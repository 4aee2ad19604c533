import { useEffect, useMemo, useState } from 'preact/hooks';
import type { RunSummary } from '../../training/api.js';
import { SignIn } from '../sign-in.js';
import { Charts } from './charts.js';
import { Compare } from './compare.js';
import { Events } from './events.js';
import { Examples } from './examples.js';
import { Facts } from './facts.js';
import { type PageState, readState, SMOOTHINGS, writeState } from './page-state.js';
import { listed, RunList } from './run-list.js';
import { RunStatus } from './run-status.js';
import type { RunsSource } from './runs-source.js';
import { useSource } from './use-source.js';

/** Runs that are shown unless somebody chooses others. */
const NEWEST = 6;

/** The page: runs to choose from, and what they did. */
export function App({ source }: { readonly source: RunsSource }) {
  useSource(source);
  const [state, change] = useAddress();
  const { runs, problem } = source;
  const places = useMemo(() => new Map([...runs.keys()].map((name, i) => [name, i])), [runs]);
  const all = useMemo(() => [...runs.values()], [runs]);
  const names = useMemo(() => shownNames(state, all), [state.show, state.filter, all]);
  const chosen = useMemo(() => all.filter(({ name }) => names.has(name)), [all, names]);
  const focused = runs.get(state.run) ?? newestOf(chosen) ?? newestOf(all);
  useEffect(() => source.focus(focused?.name), [source, focused?.name]);
  useEffect(() => {
    document.title = focused ? titleOf(focused) : 'Training';
  });
  if (problem?.status === 401) return <SignIn title="Training" signIn={(token) => source.signIn(token)} />;
  const list = source.live || all.length > 1;
  return (
    <div class={list ? 'page' : 'page alone'}>
      {list && (
        <RunList
          source={source}
          state={state}
          shown={names}
          focused={focused?.name}
          places={places}
          onChange={change}
        />
      )}
      <main>
        <h1 class="hidden">Training</h1>
        {problem && (
          <p class="problem" role="alert">
            {problem.message}
          </p>
        )}
        {!focused && <Nothing source={source} />}
        {focused && (
          <>
            <RunStatus source={source} run={focused} place={places.get(focused.name) ?? 0} />
            <div class="tools">
              <label class="switch">
                Smoothing
                <input
                  type="range"
                  min="0"
                  max={SMOOTHINGS.length - 1}
                  value={SMOOTHINGS.indexOf(state.smooth as 0)}
                  aria-valuetext={smoothText(state.smooth)}
                  onInput={({ currentTarget }) => change({ smooth: SMOOTHINGS[Number(currentTarget.value)]! })}
                />
                <span class="value">{smoothText(state.smooth)}</span>
              </label>
              <label class="switch">
                Over
                <select
                  value={state.x}
                  onChange={({ currentTarget }) => change({ x: currentTarget.value as PageState['x'] })}
                >
                  <option value="steps">steps</option>
                  <option value="time">time of training</option>
                </select>
              </label>
              <label class="switch">
                <input
                  type="checkbox"
                  checked={state.logX}
                  onChange={({ currentTarget }) => change({ logX: currentTarget.checked })}
                />
                logarithmic
              </label>
            </div>
            <Charts
              source={source}
              runs={chosen.length > 0 ? chosen : [focused]}
              places={places}
              state={state}
              onLog={(id, on) => change({ log: on ? [...state.log, id] : state.log.filter((one) => one !== id) })}
            />
            <Examples source={source} run={focused} />
            <Facts source={source} run={focused} />
            {chosen.length > 1 && <Compare runs={chosen} places={places} />}
            <Events details={source.details} />
          </>
        )}
      </main>
    </div>
  );
}

function smoothText(smooth: number): string {
  return smooth === 0 ? 'none' : `${smooth} steps`;
}

function titleOf({ title, name, state, step, total }: RunSummary): string {
  const done = state === 'running' && total ? `${Math.floor((100 * step) / total)} % · ` : '';
  return `${done}${title ?? name} · Training`;
}

function newestOf(runs: readonly RunSummary[]): RunSummary | undefined {
  const running = runs.filter(({ state }) => state === 'running' || state === 'waiting');
  return (running.length > 0 ? running : runs).reduce<RunSummary | undefined>(
    (newest, run) => (!newest || run.changed >= newest.changed ? run : newest),
    undefined,
  );
}

function shownNames({ show, filter }: PageState, all: readonly RunSummary[]): ReadonlySet<string> {
  if (show === 'all') return new Set(listed(all, filter, 'name').map(({ name }) => name));
  if (show === 'newest')
    return new Set(
      listed(all, '', 'newest')
        .slice(0, NEWEST)
        .map(({ name }) => name),
    );
  return new Set(show);
}

function Nothing({ source }: { readonly source: RunsSource }) {
  if (!source.ready) return <p class="explain">Looking for runs …</p>;
  return (
    <div class="explain">
      {source.exists ? (
        <p>There is no run here yet. One appears by itself.</p>
      ) : (
        <p>There is no such folder. It is looked for again and again.</p>
      )}
      <p>
        <code>{source.folder}</code>
      </p>
      <p>
        <code>diptych train pictures</code> begins one.
      </p>
    </div>
  );
}

/** The state in the address. */
function useAddress(): readonly [PageState, (part: Partial<PageState>) => void] {
  const [state, setState] = useState(() => readState(location.search));
  useEffect(() => {
    const back = () => setState(readState(location.search));
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  }, []);
  const change = (part: Partial<PageState>) => {
    const next = { ...state, ...part };
    // a file on a disk has no address of its own
    if (location.protocol !== 'file:') history.replaceState(null, '', writeState(next));
    setState(next);
  };
  return [state, change];
}
