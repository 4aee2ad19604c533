import { useMemo, useState } from 'preact/hooks';
import type { RunSummary } from '../../training/api.js';
import { colourOf } from './colours.js';
import { formatNumber, shown } from './format.js';
import { recallOf, STATES } from './run-list.js';

/** A column of the table. */
interface Column {
  readonly id: string;
  readonly title: string;
  readonly text: (run: RunSummary) => string;
  /** To sort by; a text sorts as one. */
  readonly value: (run: RunSummary) => number | string | undefined;
}

/** Rows that are in the document; the rest comes by the buttons. */
const ROWS = 50;
/** Columns of configuration. */
const COLUMNS = 24;

const recall = (way: string, k: number): Column => ({
  id: `${way}@${k}`,
  title: `R@${k} ${way === 'textToImage' ? 'text to image' : 'image to text'}`,
  value: ({ figures }) => figures[`${way}.recall@${k}`],
  text: ({ figures }) => {
    const value = figures[`${way}.recall@${k}`];
    return value === undefined ? '' : `${(100 * value).toFixed(1)} %`;
  },
});

const FIXED: readonly Column[] = [
  { id: 'state', title: 'state', text: ({ state }) => STATES[state], value: ({ state }) => state },
  { id: 'step', title: 'steps', text: ({ step }) => formatNumber(step), value: ({ step }) => step },
  { id: 'loss', title: 'loss', text: ({ loss }) => formatNumber(loss), value: ({ loss }) => loss ?? undefined },
];

/** Runs side by side: what they came to, and where they were asked for different things. */
export function Compare({
  runs,
  places,
}: {
  readonly runs: readonly RunSummary[];
  readonly places: ReadonlyMap<string, number>;
}) {
  const [all, setAll] = useState(false);
  const [sort, setSort] = useState<{ readonly id: string; readonly down: boolean }>();
  const [page, setPage] = useState(0);
  const { columns, same } = useMemo(() => columnsOf(runs, all), [runs, all]);
  const sorted = useMemo(() => {
    const column = columns.find(({ id }) => id === sort?.id);
    if (!column) return runs;
    return [...runs].sort((a, b) => order(column.value(a), column.value(b)) * (sort!.down ? -1 : 1));
  }, [runs, columns, sort]);
  const pages = Math.ceil(sorted.length / ROWS);
  const at = Math.min(page, pages - 1);
  return (
    <section class="card" aria-label="Compare">
      <header>
        <h2>Compare</h2>
        <label class="switch">
          <input type="checkbox" checked={all} onChange={({ currentTarget }) => setAll(currentTarget.checked)} />
          also what is the same ({same})
        </label>
        {pages > 1 && (
          <span class="buttons">
            <button type="button" disabled={at === 0} onClick={() => setPage(at - 1)}>
              Before
            </button>
            {`${at * ROWS + 1}–${Math.min(sorted.length, (at + 1) * ROWS)} of ${sorted.length}`}
            <button type="button" disabled={at === pages - 1} onClick={() => setPage(at + 1)}>
              After
            </button>
          </span>
        )}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Table of runs">
        <table>
          <thead>
            <tr>
              <th scope="col">run</th>
              {columns.map(({ id, title }) => (
                <th
                  key={id}
                  scope="col"
                  aria-sort={sort?.id === id ? (sort.down ? 'descending' : 'ascending') : 'none'}
                >
                  <button
                    type="button"
                    class="plain"
                    onClick={() => setSort({ id, down: sort?.id === id ? !sort.down : id.includes('@') })}
                  >
                    {shown(title)}
                    {sort?.id === id ? (sort.down ? ' ↓' : ' ↑') : ''}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(at * ROWS, (at + 1) * ROWS).map((run) => (
              <tr key={run.name}>
                <th scope="row">
                  <i class="swatch" style={{ background: colourOf(places.get(run.name) ?? 0) }} />
                  <bdi>{shown(run.title ?? run.name)}</bdi>
                </th>
                {columns.map((column) => {
                  const text = shown(column.text(run));
                  return (
                    <td key={column.id} title={text.length > 24 ? text : undefined}>
                      <bdi>{text}</bdi>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function columnsOf(
  runs: readonly RunSummary[],
  all: boolean,
): { readonly columns: readonly Column[]; readonly same: number } {
  const keys = [...new Set(runs.flatMap(({ config }) => Object.keys(config)))];
  const differs = (key: string) => runs.some(({ config }) => config[key] !== runs[0]?.config[key]);
  const different = keys.filter(differs);
  const rest = keys.filter((key) => !differs(key));
  const asked = [...different, ...(all ? rest : [])].slice(0, COLUMNS);
  const recalls = runs.some((run) => recallOf(run) !== undefined)
    ? [recall('textToImage', 1), recall('textToImage', 10), recall('imageToText', 1)]
    : [];
  const config = asked.map(
    (key): Column => ({
      id: `config ${key}`,
      title: key,
      text: (run) => run.config[key] ?? '–',
      value: (run) => {
        const value = run.config[key];
        return value === undefined || value === '' || Number.isNaN(Number(value)) ? value : Number(value);
      },
    }),
  );
  return { columns: [...FIXED, ...recalls, ...config], same: rest.length };
}

/** What is not there comes last. */
function order(a: number | string | undefined, b: number | string | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}
