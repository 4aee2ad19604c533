import type { RunDetails, RunEvent, RunSummary, SeriesPart, ShownExamples } from '../../training/api.js';

/** Points of a series, whole. */
export type Points = Omit<SeriesPart, 'after'>;

/** Series of the runs that a chart shows, by run and name. */
export type ChartSeries = ReadonlyMap<string, ReadonlyMap<string, Points>>;

/** What happened in a run, and its examples as they are now. */
export interface Details {
  readonly run: string;
  readonly events: readonly RunEvent[];
  readonly examples: RunDetails['examples'] | undefined;
}

/** Series that a chart wants. */
export interface ChartWant {
  readonly keys: readonly string[];
  readonly runs: readonly string[];
  readonly points: number;
}

/** Where the page has its runs from: a server that is asked again and again, or the file that the page is part of. */
export interface RunsSource {
  /** Whether anything may still change. */
  readonly live: boolean;
  /** Runs by name, in the order of their names. */
  readonly runs: ReadonlyMap<string, RunSummary>;
  /** The folder on the server's disk. */
  readonly folder: string;
  /** False while that folder is not there. */
  readonly exists: boolean;
  /** Whether the list was ever read. */
  readonly ready: boolean;
  /** Why nothing new comes; undefined while all is well. */
  readonly problem: { readonly message: string; readonly status?: number } | undefined;
  readonly details: Details | undefined;
  /** Rows of a table about a run. */
  facts(run: string): readonly (readonly [string, string])[];
  /** Says what a chart shows from now on; undefined for nothing. */
  want(chart: string, want: ChartWant | undefined): void;
  /** What is known of it. Another object when something came. */
  series(chart: string): ChartSeries;
  /** Whose details are looked at. */
  focus(run: string | undefined): void;
  pictureUrl(run: string, row: number, examples: ShownExamples): string | undefined;
  /** The page of a run in one file; undefined where this is one. */
  reportUrl(run: string): string | undefined;
  /** Does something with a run. */
  ask(what: 'stop' | 'resume' | 'title', run: string, title?: string): Promise<void>;
  signIn(token: string): Promise<void>;
  /** Calls a function after every change. Returns what ends that. */
  subscribe(listener: () => void): () => void;
}
