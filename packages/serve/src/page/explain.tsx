import { ServeError } from '../client/connect.js';
import type { Results } from './use-results.js';

interface ExplainProps {
  readonly results: Results;
  /** Pictures of the index. */
  readonly rows: number;
  readonly filters: number;
  /** Results above the cut-off. */
  readonly shown: number;
  readonly incomplete: boolean;
  readonly onClearFilters: () => void;
  readonly onClearCut: () => void;
}

/** Why nothing is seen, and what to do about it. */
export function Explain({ results, rows, filters, shown, incomplete, onClearFilters, onClearCut }: ExplainProps) {
  const { error, loading, count, total, hits } = results;
  if (error) {
    const remedy = error instanceof ServeError ? error.problem.remedy : 'Is the server still running?';
    return (
      <div class="explain" role="alert">
        <p>{error instanceof ServeError ? error.message : 'The server does not answer.'}</p>
        {remedy && !error.message.includes(remedy) && <p>{remedy}</p>}
      </div>
    );
  }
  if (incomplete) return <p class="explain">Only what is not wanted is said. Add words for what is.</p>;
  if (loading || shown > 0) return null;
  if (rows === 0) {
    return (
      <p class="explain">
        The index is empty. <code>diptych index your-pictures</code> fills it; they appear here by themselves.
      </p>
    );
  }
  if (total === 0 && filters > 0) {
    return (
      <div class="explain">
        <p>None of {rows} pictures passes the filters.</p>
        <button type="button" onClick={onClearFilters}>
          Clear filters
        </button>
      </div>
    );
  }
  if (count > 0) {
    return (
      <div class="explain">
        <p>
          All results score below the cut-off; the best has {hits.get(0)?.score.toFixed(3)}. Perhaps no such picture is
          here.
        </p>
        <button type="button" onClick={onClearCut}>
          Show them anyway
        </button>
      </div>
    );
  }
  return <p class="explain">Nothing was found.</p>;
}
