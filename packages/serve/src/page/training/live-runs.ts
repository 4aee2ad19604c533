import type { Problem } from '../../api/schemas.js';
import type { PollAnswer, PollRequest, RunDetails, RunSummary, SeriesPart } from '../../training/api.js';
import type { ChartSeries, ChartWant, Details, Points, RunsSource } from './runs-source.js';

/** Seconds that the server may hold an answer back until something is new. */
const WAIT = 15;
/** Milliseconds between two answers. */
const REST = 700;
/** The same after an error. */
const RETRY = 2000;

/** A chart's series with the cursors of what is known. */
interface Shown {
  want: ChartWant;
  readonly cursors: Map<string, string>;
  series: Map<string, Map<string, Points>>;
}

/**
 * Runs of the server of this page. There is one request at a time, for all that is in view, and it brings only what is new; a page that nobody sees
 * asks nothing.
 */
export class LiveRuns implements RunsSource {
  readonly live = true;
  runs: ReadonlyMap<string, RunSummary> = new Map();
  folder = '';
  exists = true;
  ready = false;
  problem: RunsSource['problem'];
  details: Details | undefined;
  readonly #charts = new Map<string, Shown>();
  readonly #listeners = new Set<() => void>();
  #version = 0;
  #key = '';
  #focus: string | undefined;
  #cursor = '';
  #asking = new AbortController();
  #nudged = false;
  #wake: (() => void) | undefined;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#nudge());
    void this.#loop();
  }

  facts(): readonly (readonly [string, string])[] {
    return [];
  }

  want(chart: string, want: ChartWant | undefined): void {
    const known = this.#charts.get(chart);
    if (JSON.stringify(known?.want) === JSON.stringify(want)) return;
    if (want === undefined) {
      this.#charts.delete(chart);
      return;
    }
    const same = known && known.want.points === want.points && known.want.keys.join() === want.keys.join();
    const shown: Shown = same ? { ...known, want } : { want, cursors: new Map(), series: new Map() };
    const isNew = !same || want.runs.some((run) => !known.want.runs.includes(run));
    for (const run of [...shown.cursors.keys()]) {
      if (want.runs.includes(run)) continue;
      shown.cursors.delete(run);
      shown.series = new Map(shown.series);
      shown.series.delete(run);
    }
    this.#charts.set(chart, shown);
    this.#tell();
    if (isNew) this.#nudge();
  }

  series(chart: string): ChartSeries {
    return this.#charts.get(chart)?.series ?? NOTHING;
  }

  focus(run: string | undefined): void {
    if (run === this.#focus) return;
    this.#focus = run;
    this.#cursor = '';
    this.details = undefined;
    this.#nudge();
  }

  pictureUrl(run: string, row: number): string {
    return `./api/picture?run=${encodeURIComponent(run)}&row=${row}`;
  }

  reportUrl(run: string): string {
    return `./api/report?run=${encodeURIComponent(run)}`;
  }

  async ask(what: 'stop' | 'resume' | 'title', run: string, title?: string): Promise<void> {
    await this.#post(what, { run, ...(title !== undefined && { title }) });
    this.#nudge();
  }

  async signIn(token: string): Promise<void> {
    await this.#post('session', { token });
    this.#nudge();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Asks at once, with what is wanted now. */
  #nudge(): void {
    this.#nudged = true;
    this.#asking.abort();
    this.#wake?.();
  }

  async #loop(): Promise<void> {
    while (true) {
      // wants that come in one moment go in one request
      await this.#sleep(30);
      while (document.hidden) await this.#sleep(60_000);
      this.#nudged = false;
      this.#asking = new AbortController();
      let rest = REST;
      try {
        this.#take(await this.#poll(this.#asking.signal));
        this.problem = undefined;
      } catch (error) {
        if (!this.#asking.signal.aborted) {
          this.problem = error instanceof Refused ? error : { message: 'The server does not answer. Has it ended?' };
          rest = RETRY;
        }
      }
      this.#tell();
      if (!this.#nudged) await this.#sleep(rest);
    }
  }

  async #poll(signal: AbortSignal): Promise<PollAnswer> {
    const wants = [...this.#charts.values()].map(({ want, cursors }) => ({
      keys: want.keys,
      points: want.points,
      runs: Object.fromEntries(want.runs.map((run) => [run, cursors.get(run) ?? ''])),
    }));
    const request: PollRequest = {
      since: this.#version,
      wait: this.problem ? 0 : WAIT,
      wants,
      ...(this.#focus !== undefined && { focus: { run: this.#focus, cursor: this.#cursor } }),
    };
    const charts = [...this.#charts.values()];
    const answer = (await this.#post('poll', request, signal)) as PollAnswer;
    for (const [i, runs] of answer.series.entries()) {
      const chart = charts[i]!;
      for (const [run, { cursor, parts }] of Object.entries(runs)) {
        if (!chart.want.runs.includes(run)) continue;
        chart.cursors.set(run, cursor);
        const before = chart.series.get(run);
        const series = new Map(before);
        for (const [name, part] of Object.entries(parts)) series.set(name, joined(before?.get(name), part));
        chart.series = new Map(chart.series).set(run, series);
      }
    }
    return answer;
  }

  #take({ key, version, folder, exists, runs, names, focus }: PollAnswer): void {
    // a server that was started anew counts from the beginning
    if (this.#key !== '' && this.#key !== key) {
      this.#version = 0;
      this.#cursor = '';
      for (const chart of this.#charts.values()) chart.cursors.clear();
      this.#nudged = true;
    } else this.#version = version;
    this.#key = key;
    Object.assign(this, { folder, exists, ready: true });
    if (runs.length > 0 || names) {
      const all = new Map(this.runs);
      for (const run of runs) all.set(run.name, run);
      const order = names ?? [...this.runs.keys()];
      this.runs = new Map(order.flatMap((name) => (all.has(name) ? [[name, all.get(name)!] as const] : [])));
    }
    if (focus && focus.run === this.#focus) this.#takeDetails(focus);
  }

  #takeDetails({ run, cursor, events, reset, examples }: RunDetails): void {
    const before = reset ? undefined : this.details;
    this.#cursor = cursor;
    this.details = {
      run,
      events: [...(before?.events ?? []), ...events].slice(-500),
      examples: examples ?? before?.examples,
    };
  }

  async #post(name: string, body: object, signal?: AbortSignal): Promise<unknown> {
    const response = await fetch(`./api/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-diptych-page': this.#key },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
    const text = await response.text();
    if (response.ok) return text === '' ? undefined : JSON.parse(text);
    let detail = `${response.status} ${response.statusText}`;
    try {
      detail = (JSON.parse(text) as Problem).detail;
    } catch {
      // an answer of something between
    }
    throw new Refused(detail, response.status);
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const NOTHING: ChartSeries = new Map();

/** An answer that says no. */
class Refused extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** Points with new ones at their end. */
export function joined(before: Points | undefined, { after, ...part }: SeriesPart): Points {
  if (!before || after < 0 || before.w !== part.w) return part;
  let end = before.x.length;
  while (end > 0 && before.x[end - 1]! > after) end--;
  const join = <T>(a: readonly T[], b: readonly T[]) => [...a.slice(0, end), ...b];
  return {
    w: part.w,
    x: join(before.x, part.x),
    y: join(before.y, part.y),
    ...(part.lo && before.lo && { lo: join(before.lo, part.lo) }),
    ...(part.hi && before.hi && { hi: join(before.hi, part.hi) }),
    bad: part.bad,
  };
}
