import type { FrozenRuns, RunSummary } from '../../training/api.js';
import type { ChartSeries, ChartWant, Details, Points, RunsSource } from './runs-source.js';

/** Runs of the file that the page is part of. */
export class StillRuns implements RunsSource {
  readonly live = false;
  readonly folder = '';
  readonly exists = true;
  readonly ready = true;
  readonly problem = undefined;
  readonly runs: ReadonlyMap<string, RunSummary>;
  details: Details | undefined;
  readonly #frozen: FrozenRuns;
  readonly #charts = new Map<string, ChartSeries>();
  readonly #listeners = new Set<() => void>();

  constructor(frozen: FrozenRuns) {
    this.#frozen = frozen;
    this.runs = new Map(frozen.runs.map((run) => [run.name, run]));
  }

  facts(run: string): readonly (readonly [string, string])[] {
    return this.#frozen.facts[run] ?? [];
  }

  want(chart: string, want: ChartWant | undefined): void {
    if (!want) return void this.#charts.delete(chart);
    const matches = (name: string) =>
      want.keys.some((key) => (key.endsWith('.') ? name.startsWith(key) : name === key));
    const series = want.runs.map((run): [string, Map<string, Points>] => [
      run,
      new Map(Object.entries(this.#frozen.series[run] ?? {}).filter(([name]) => matches(name))),
    ]);
    this.#charts.set(chart, new Map(series));
    this.#tell();
  }

  series(chart: string): ChartSeries {
    return this.#charts.get(chart) ?? new Map();
  }

  focus(run: string | undefined): void {
    const found = run === undefined ? undefined : this.#frozen.details[run];
    this.details = found && { run: found.run, events: found.events, examples: found.examples };
    this.#tell();
  }

  pictureUrl(run: string, row: number): string | undefined {
    return this.#frozen.pictures[run]?.[row];
  }

  reportUrl(): undefined {
    return undefined;
  }

  async ask(): Promise<void> {}

  async signIn(): Promise<void> {}

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
