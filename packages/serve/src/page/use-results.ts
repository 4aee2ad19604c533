import { useEffect, useRef, useState } from 'preact/hooks';
import type { Client, ResultOf, SearchRequest, ServeError } from '../client/connect.js';

export type PageHit = ResultOf<'search'>['hits'][number];

/** What was found, as far as it was loaded. */
export interface Results {
  /** Loaded results by their place. */
  readonly hits: ReadonlyMap<number, PageHit>;
  /** How many there are, as far as is known. */
  readonly count: number;
  /** Whether that is sure. */
  readonly exact: boolean;
  /** Pictures that the filters leave. */
  readonly total: number;
  readonly loading: boolean;
  readonly error: ServeError | Error | undefined;
}

/** Results that are asked for at a time. */
export const PAGE = 120;
/** Milliseconds after the last key, and after the last movement of the grid. */
const WAIT = 160;

const NOTHING: Results = { hits: new Map(), count: 0, exact: false, total: 0, loading: true, error: undefined };

/**
 * Results of a request, page by page as they come into view. The former results stay until the new ones are there.
 *
 * @param key what tells requests apart
 */
export function useResults(
  client: Client,
  request: SearchRequest | undefined,
  key: string,
): readonly [Results, (first: number, last: number) => void] {
  const [results, setResults] = useState(NOTHING);
  const asked = useRef(new Set<number>());
  const current = useRef(new AbortController());
  const timer = useRef(0);

  const load = async (page: number, fresh: boolean) => {
    if (!request || asked.current.has(page)) return;
    asked.current.add(page);
    const { signal } = current.current;
    try {
      const answer = await client.search({ ...request, k: PAGE, offset: page * PAGE }, signal);
      if (signal.aborted) return;
      setResults((before) => withPage(fresh ? NOTHING : before, page, answer));
    } catch (error) {
      if (signal.aborted) return;
      asked.current.delete(page);
      setResults((before) => ({ ...(fresh ? NOTHING : before), loading: false, error: error as Error }));
    }
  };

  useEffect(() => {
    current.current.abort();
    current.current = new AbortController();
    asked.current = new Set();
    setResults((before) => ({ ...before, loading: request !== undefined }));
    const begin = window.setTimeout(() => void load(0, true), WAIT);
    return () => window.clearTimeout(begin);
  }, [key]);

  const show = (first: number, last: number) => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      if (asked.current.size === 0) return;
      for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) void load(page, false);
    }, WAIT / 2);
  };
  return [results, show];
}

function withPage(before: Results, page: number, { hits, total }: ResultOf<'search'>): Results {
  const all = new Map(before.hits);
  for (const [i, hit] of hits.entries()) all.set(page * PAGE + i, hit);
  const ends = hits.length < PAGE;
  const count = ends
    ? page * PAGE + hits.length
    : before.exact
      ? before.count
      : Math.max(total, page * PAGE + hits.length);
  return { hits: all, count, exact: ends || before.exact, total, loading: false, error: undefined };
}

/** How many of the results score at least so much: they come in the order of their scores. */
export function countAbove({ hits, count }: Results, cut: number | undefined): number {
  if (cut === undefined) return count;
  let above = count;
  for (const [place, { score }] of hits) if (score < cut && place < above) above = place;
  return above;
}
