import type { ResultOf } from '../client/connect.js';

interface IndexingProps {
  readonly info: ResultOf<'info'>;
  /** Pictures that came since the last search; below 0 where some went. */
  readonly fresh: number;
  readonly onLook: () => void;
}

/** How far the server is with indexing, what it could not use, and whether there is something new to see. */
export function Indexing({ info: { indexing }, fresh, onLook }: IndexingProps) {
  const again = fresh !== 0 && (
    <button type="button" onClick={onLook}>
      {fresh > 0 ? `${fresh.toLocaleString()} new: search again` : 'Some are gone: search again'}
    </button>
  );
  if (!indexing) return again ? <div class="indexing">{again}</div> : null;
  const { state, done, total, bad, badPictures, reason } = indexing;
  if (state === 'done' && bad === 0) return again ? <div class="indexing">{again}</div> : null;
  const count = total === undefined ? done.toLocaleString() : `${done.toLocaleString()} of ${total.toLocaleString()}`;
  const said = {
    running: `Indexing: ${count} pictures`,
    done: `Indexed ${count} pictures`,
    stopped: `Indexing was stopped at ${count} pictures`,
    failed: `Indexing failed at ${count} pictures: ${reason}`,
  }[state];
  return (
    <div class="indexing">
      {state === 'running' && (
        <progress max={total} value={total === undefined ? undefined : done} aria-label="Indexed" />
      )}
      <span role={state === 'failed' ? 'alert' : undefined}>{said}</span>
      {bad > 0 && (
        <details>
          <summary>{bad.toLocaleString()} not usable</summary>
          <ul>
            {badPictures.map(({ path, reason: why }) => (
              <li key={path}>
                <bdi>{path}</bdi>: {why}
              </li>
            ))}
          </ul>
        </details>
      )}
      {again}
    </div>
  );
}
