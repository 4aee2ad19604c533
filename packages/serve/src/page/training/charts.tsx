import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RunSummary } from '../../training/api.js';
import { Chart } from './chart.js';
import type { ChartOptions, Line } from './chart-data.js';
import { colourOf, DASHES } from './colours.js';
import { shown } from './format.js';
import type { PageState } from './page-state.js';
import type { RunsSource } from './runs-source.js';

/** A chart of the page: series of one kind. */
interface Kind {
  readonly id: string;
  readonly title: string;
  /** Names of series, or their beginning. */
  readonly matches: (key: string) => boolean;
  readonly name: (key: string) => string;
  readonly percent?: boolean;
}

const prefixed = (id: string, title: string, prefix: string, percent = false): Kind => ({
  id,
  title,
  matches: (key) => key.startsWith(prefix),
  name: (key) => key.slice(prefix.length),
  percent,
});
const single = (id: string, title: string): Kind => ({ id, title, matches: (key) => key === id, name: () => '' });
const recalls = (id: string, title: string, direction: string): Kind => ({
  id,
  title,
  matches: (key) => key.startsWith(`validation.${direction}.recall@`),
  name: (key) => `R@${key.slice(key.indexOf('@') + 1)}`,
  percent: true,
});

const KINDS: readonly Kind[] = [
  single('loss', 'Loss'),
  { ...prefixed('parts', 'Parts of the loss', 'parts.'), matches: (key) => /^parts\.[^.]+$/.test(key) },
  { ...prefixed('scale', 'Scale of similarities', 'parts.'), matches: (key) => /^parts\..+\.scale$/.test(key) },
  {
    ...prefixed('figures', 'Figures of the loss', 'parts.'),
    matches: (key) => /^parts\.[^.]+\./.test(key) && !key.endsWith('.scale'),
  },
  recalls('textToImage', 'Recall, text to image', 'textToImage'),
  recalls('imageToText', 'Recall, image to text', 'imageToText'),
  {
    id: 'validation',
    title: 'Validation',
    matches: (key) => key.startsWith('validation.') && !/^validation\.(textToImage|imageToText)\./.test(key),
    name: (key) => key.slice('validation.'.length),
  },
  prefixed('learningRates', 'Learning rates', 'learningRates.'),
  single('gradNorm', 'Gradient norm'),
  prefixed('towerGradNorms', 'Gradient norms of the towers', 'towerGradNorms.'),
  prefixed('updateRatios', 'Update ratios of the towers', 'updateRatios.'),
  single('pairsPerSecond', 'Pairs a second'),
];

/** Runs above which a chart shows one of its series, of each. */
const RUNS = 3;
/** Series of one chart at most, whatever is logged. */
const SERIES = 12;
/** Points of a chart, for all its lines. */
const POINTS = 60_000;

interface ChartsProps {
  readonly source: RunsSource;
  /** Those that are shown. */
  readonly runs: readonly RunSummary[];
  readonly places: ReadonlyMap<string, number>;
  readonly state: PageState;
  readonly onLog: (id: string, on: boolean) => void;
}

/** Everything that is logged over steps. Charts out of view ask for nothing and draw nothing. */
export function Charts({ source, runs, places, state, onLog }: ChartsProps) {
  const keys = useMemo(() => [...new Set(runs.flatMap((run) => run.keys))].sort(inOrder), [runs]);
  return (
    <div class="charts">
      {KINDS.map((kind) => {
        const found = keys.filter(kind.matches).slice(0, 60);
        return found.length === 0 ? null : (
          <ChartCard key={kind.id} kind={kind} keys={found} {...{ source, runs, places, state, onLog }} />
        );
      })}
    </div>
  );
}

/** recall@5 before recall@10. */
function inOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

type CardProps = ChartsProps & { readonly kind: Kind; readonly keys: readonly string[] };

function ChartCard({ kind, keys, source, runs, places, state, onLog }: CardProps) {
  const { id, title, percent = false } = kind;
  const card = useRef<HTMLElement>(null);
  const seen = useNear(card);
  const near = seen || !source.live; // a report is printed, too
  const [chosen, setChosen] = useState('');
  const many = runs.length > RUNS && keys.length > 1;
  const one = keys.includes(chosen) ? chosen : keys[0]!;
  const wanted = many ? [one] : keys.slice(0, SERIES);
  const names = runs.map(({ name }) => name);
  const points = Math.max(100, Math.min(800, Math.floor(POINTS / Math.max(1, names.length * wanted.length))));
  const time = state.x === 'time' ? ['elapsed'] : [];

  const want = JSON.stringify([wanted, names, points, time]);
  useEffect(() => {
    source.want(id, near ? { keys: [...wanted, ...time], runs: names, points } : undefined);
  }, [source, id, near, want]);
  useEffect(() => () => source.want(id, undefined), [source, id]);

  const series = source.series(id);
  const titles = runs.map((run) => run.title ?? run.name).join('\n');
  const lines = useMemo(() => {
    const found: Line[] = [];
    for (const run of runs) {
      const known = series.get(run.name);
      for (const [k, key] of wanted.entries()) {
        const points = known?.get(key);
        if (!points) continue;
        const alone = runs.length === 1;
        found.push({
          label:
            [alone ? '' : (run.title ?? run.name), many ? '' : kind.name(key)].filter(Boolean).join(' · ') || title,
          colour: alone ? colourOf(k) : colourOf(places.get(run.name) ?? 0),
          dash: alone ? [] : DASHES[k % DASHES.length]!,
          points,
          ...(known?.get('elapsed') && { time: known.get('elapsed')! }),
        });
      }
    }
    return found;
  }, [series, want, titles]);
  const log = state.log.includes(id);
  const { smooth, x, logX } = state;
  const options = useMemo<ChartOptions>(() => ({ smooth, x, logX, logY: log }), [smooth, x, logX, log]);
  return (
    <section ref={card} class="card chart" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {many && (
          <select
            aria-label={`Series of ${title}`}
            value={one}
            onChange={({ currentTarget }) => setChosen(currentTarget.value)}
          >
            {keys.map((key) => (
              <option key={key} value={key}>
                {shown(kind.name(key))}
              </option>
            ))}
          </select>
        )}
        <label class="switch">
          <input type="checkbox" checked={log} onChange={({ currentTarget }) => onLog(id, currentTarget.checked)} />
          log<span class="hidden"> axis of {title}</span>
        </label>
      </header>
      {near && <Chart title={title} lines={lines} options={options} percent={percent} />}
    </section>
  );
}

/** Whether something is in view, or nearly. */
function useNear(element: { readonly current: HTMLElement | null }): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => setNear(entry!.isIntersecting), { rootMargin: '300px' });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return near;
}
