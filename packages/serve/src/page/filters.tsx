import type { InfoColumn } from '../api/schemas.js';
import { allFolders, type PageState } from './page-state.js';

interface FiltersProps {
  readonly state: PageState;
  readonly columns: readonly InfoColumn[];
  readonly onChange: (change: Partial<PageState>) => void;
}

/** Columns with a filter of their own, or none. */
const OWN = ['folder', 'date', 'caption', 'path', 'content', 'bytes'];

/** How many filters are set. */
export function countFilters({ folder, from, to, columns }: PageState): number {
  return (folder === undefined ? 0 : 1) + (from === '' && to === '' ? 0 : 1) + Object.keys(columns).length;
}

/** Filters by folder, date and the columns of the index. */
export function Filters({ state, columns, onChange }: FiltersProps) {
  const folders = allFolders(columns);
  const hasDates = columns.some(({ name }) => name === 'date');
  const set = (name: string, value: string) => {
    const { [name]: _, ...others } = state.columns;
    onChange({ columns: value === '' ? others : { ...others, [name]: value } });
  };
  const count = countFilters(state);
  return (
    <details class="filters" open={count > 0}>
      <summary>Filters{count > 0 ? ` (${count})` : ''}</summary>
      <div>
        {folders.length > 1 && (
          <label>
            Folder
            <select
              value={state.folder ?? '*'}
              onChange={({ currentTarget: { value } }) => onChange({ folder: value === '*' ? undefined : value })}
            >
              <option value="*">all</option>
              {folders.map((folder) => (
                <option key={folder} value={folder}>
                  {folder === '' ? '(top)' : folder}
                </option>
              ))}
            </select>
          </label>
        )}
        {hasDates && (
          <>
            <label>
              From
              <input
                type="date"
                value={state.from}
                onChange={({ currentTarget }) => onChange({ from: currentTarget.value })}
              />
            </label>
            <label>
              To
              <input
                type="date"
                value={state.to}
                onChange={({ currentTarget }) => onChange({ to: currentTarget.value })}
              />
            </label>
          </>
        )}
        {columns
          .filter(({ name }) => !OWN.includes(name))
          .map((column) => (
            <ColumnFilter key={column.name} column={column} chosen={state.columns} onChange={set} />
          ))}
        {count > 0 && (
          <button type="button" onClick={() => onChange({ folder: undefined, from: '', to: '', columns: {} })}>
            Clear filters
          </button>
        )}
      </div>
    </details>
  );
}

interface ColumnFilterProps {
  readonly column: InfoColumn;
  readonly chosen: PageState['columns'];
  readonly onChange: (name: string, value: string) => void;
}

function ColumnFilter({ column: { name, kind, values, min, max }, chosen, onChange }: ColumnFilterProps) {
  if (kind === 'number') {
    const limit = (sign: '<' | '>', words: string, placeholder: unknown) => (
      <label>
        {name} {words}
        <input
          type="number"
          step="any"
          value={chosen[name + sign] ?? ''}
          placeholder={String(placeholder)}
          onInput={({ currentTarget }) => onChange(name + sign, currentTarget.value)}
        />
      </label>
    );
    return (
      <>
        {limit('>', 'from', min)}
        {limit('<', 'to', max)}
      </>
    );
  }
  if (!values || values.length < 2) return null;
  return (
    <label>
      {name}
      <select value={chosen[name] ?? ''} onChange={({ currentTarget }) => onChange(name, currentTarget.value)}>
        <option value="">all</option>
        {values.map(({ value, rows }) => (
          <option key={String(value)} value={String(value)}>
            {`${value} (${rows})`}
          </option>
        ))}
      </select>
    </label>
  );
}
