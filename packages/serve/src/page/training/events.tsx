import { shown } from './format.js';
import type { Details } from './runs-source.js';

/** Events that are listed. */
const MOST = 100;
const LOUD = ['warning', 'nonFinite', 'checkpointFailed', 'checkpointDamaged'];

/** What happened in a run beside its steps, the latest first. */
export function Events({ details }: { readonly details: Details | undefined }) {
  const events = (details?.events ?? []).slice(-MOST).reverse();
  if (events.length === 0) return null;
  return (
    <section class="card" aria-label="Events">
      <details open={events.some(({ kind }) => LOUD.includes(kind))}>
        <summary>
          <h2>Events</h2>
        </summary>
        <ol class="events">
          {events.map(({ kind, time, step, message }, i) => (
            <li key={`${events.length - i} ${message}`} class={LOUD.includes(kind) ? 'loud' : ''}>
              <span class="faint">
                {time && <time dateTime={time}>{time.slice(0, 19).replace('T', ' ')}</time>}
                {step !== undefined && ` step ${step}`}
              </span>
              <span>{shown(message)}</span>
            </li>
          ))}
        </ol>
      </details>
    </section>
  );
}
