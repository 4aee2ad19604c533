import type { ExamplePair } from '@diptych/core/node';

/** How it stands with a run. `waiting`: stopped, its process goes on when it is asked to. `unknown`: nothing says which process trains. */
export type RunState = 'running' | 'waiting' | 'finished' | 'stopped' | 'failed' | 'unknown';

/** A run as lists show it. */
export interface RunSummary {
  /** Of its folder. */
  readonly name: string;
  /** What people call it; undefined for its name. */
  readonly title?: string;
  readonly state: RunState;
  /** Why it failed. */
  readonly message?: string;
  /** What goes on with it on the command line. */
  readonly command?: string;
  readonly step: number;
  readonly total?: number;
  /** null: not finite. */
  readonly loss?: number | null;
  readonly pairsPerSecond?: number;
  readonly etaSeconds?: number;
  /** Numbers of the last validation, or of `metrics.json`, by name: `textToImage.recall@1`. */
  readonly figures: Readonly<Record<string, number>>;
  /** By path, values as text: `recipe.learningRate`. */
  readonly config: Readonly<Record<string, string>>;
  /** Names of its series. */
  readonly keys: readonly string[];
  /** Milliseconds since 1970, by the disk. */
  readonly changed: number;
}

/** Points of a series. Where `w` is above 1, a point stands for the steps of a stretch of so many. */
export interface SeriesPart {
  /** Points behind this step are replaced by these; -1: all are. */
  readonly after: number;
  readonly w: number;
  /** The last step of each stretch. */
  readonly x: readonly number[];
  /** Its mean; null where nothing was finite. */
  readonly y: readonly (number | null)[];
  readonly lo?: readonly (number | null)[];
  readonly hi?: readonly (number | null)[];
  /** Steps at which it was not finite. */
  readonly bad: readonly number[];
}

/** Series that somebody looks at. */
export interface Want {
  /** Names, or beginnings of names that end in a dot. */
  readonly keys: readonly string[];
  /** Points of a series at most. */
  readonly points: number;
  /** Runs, with the cursor of what is known of each; '' for nothing. */
  readonly runs: Readonly<Record<string, string>>;
}

/** Something that happened in a run. */
export interface RunEvent {
  readonly kind: string;
  readonly time?: string;
  readonly step?: number;
  readonly message: string;
}

/** A caption and what is found for it. */
export interface ShownExample {
  readonly row: number;
  readonly id: string;
  readonly rank: number;
  readonly score: number;
  readonly found: readonly { readonly row: number; readonly id: string; readonly score: number }[];
}

/** The examples as they are now, with texts and names of pictures by row. */
export interface ShownExamples {
  readonly step: number;
  readonly of: number;
  readonly best: readonly ShownExample[];
  readonly worst: readonly ShownExample[];
  readonly followed: readonly ShownExample[];
  /** Of the rows that occur. `image` tells whether there is a picture. */
  readonly pairs: Readonly<Record<number, Pick<ExamplePair, 'text'> & { readonly image: boolean }>>;
}

/** What a page knows, and how long it waits for more. */
export interface PollRequest {
  /** Of the list; 0 for nothing. */
  readonly since: number;
  /** Seconds, at most 20. */
  readonly wait: number;
  readonly wants: readonly Want[];
  /** The run whose events and examples are looked at, with a cursor. */
  readonly focus?: { readonly run: string; readonly cursor: string };
}

/** What is new. */
export interface PollAnswer {
  /** To be sent with what changes something. */
  readonly key: string;
  readonly version: number;
  /** Of the runs' folder. */
  readonly folder: string;
  /** False while there is no such folder. */
  readonly exists: boolean;
  /** Those that are new or have changed. */
  readonly runs: readonly RunSummary[];
  /** All names, where the list has changed. */
  readonly names?: readonly string[];
  /** Beside each want: by run a cursor and parts by name. */
  readonly series: readonly Readonly<Record<string, RunSeries>>[];
  readonly focus?: RunDetails;
}

/** New points of a run. */
export interface RunSeries {
  readonly cursor: string;
  readonly parts: Readonly<Record<string, SeriesPart>>;
}

/** Events and examples of a run. */
export interface RunDetails {
  readonly run: string;
  readonly cursor: string;
  /** All of them, or those behind the cursor. */
  readonly events: readonly RunEvent[];
  readonly reset: boolean;
  readonly examples?: ShownExamples;
}

/** Runs that stand still, in a file of their own. */
export interface FrozenRuns {
  readonly frozen: true;
  readonly runs: readonly RunSummary[];
  readonly series: Readonly<Record<string, Readonly<Record<string, SeriesPart>>>>;
  readonly details: Readonly<Record<string, RunDetails>>;
  /** By run and row, `data:` addresses. */
  readonly pictures: Readonly<Record<string, Readonly<Record<number, string>>>>;
  /** Rows of a table of facts, by run. */
  readonly facts: Readonly<Record<string, readonly (readonly [string, string])[]>>;
}
