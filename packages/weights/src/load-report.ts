import { formatShape, printable, WeightsError } from '@diptych/core';

/** A model's tensor that took its values from the checkpoint. */
export interface LoadedTensor {
  readonly name: string;
  /** Names in the checkpoint; several where parts were joined. */
  readonly from: readonly string[];
}

/** A tensor that one side has alone. */
export interface LoneTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A tensor that both sides have, in ways that do not fit. */
export interface MismatchedTensor {
  readonly name: string;
  readonly from: readonly string[];
  /** Shape and dtype in the model. */
  readonly expected: string;
  /** Shape and dtype in the checkpoint, after the adapter. */
  readonly got: string;
}

/** A tensor of the model that was meant to keep its initial values: a new head. */
export interface FreshTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** What the checkpoint has under this name, where it has anything. */
  readonly checkpoint?: string;
}

/** The parts of a report. */
export type LoadReportParts = Omit<LoadReport, 'complete' | 'unusedSettings' | 'toString'> &
  Partial<Pick<LoadReport, 'unusedSettings'>>;

/** What loading a checkpoint did, tensor by tensor. `String(report)` is a table for people. */
export class LoadReport {
  /** Where the tensors came from. */
  readonly source: string;
  readonly loaded: readonly LoadedTensor[];
  /** The model has them, the checkpoint does not. */
  readonly missing: readonly LoneTensor[];
  /** The checkpoint has them, the model does not. */
  readonly unexpected: readonly LoneTensor[];
  readonly mismatched: readonly MismatchedTensor[];
  /** New heads, which keep their initial values. */
  readonly fresh: readonly FreshTensor[];
  /** Names of the checkpoint that the adapter leaves out. */
  readonly ignored: readonly string[];
  /** Fields of the checkpoint's configuration that had no effect: `torch_dtype`, `text_config.bos_token_id`. */
  readonly unusedSettings: readonly string[];

  constructor(parts: LoadReportParts) {
    this.source = parts.source;
    this.loaded = parts.loaded;
    this.missing = parts.missing;
    this.unexpected = parts.unexpected;
    this.mismatched = parts.mismatched;
    this.fresh = parts.fresh;
    this.ignored = parts.ignored;
    this.unusedSettings = parts.unusedSettings ?? [];
  }

  /** True if every tensor of both sides found its counterpart, or was left out on purpose. */
  get complete(): boolean {
    return this.missing.length + this.unexpected.length + this.mismatched.length === 0;
  }

  /**
   * A summary and a table of all that was not simply loaded.
   *
   * @param limit most rows of one status; the rest is counted
   */
  toString(limit = Number.POSITIVE_INFINITY): string {
    const counts = (['missing', 'unexpected', 'mismatched', 'fresh', 'ignored'] as const)
      .filter((key) => this[key].length > 0)
      .map((key) => `${this[key].length} ${key}`);
    const summary = `${this.source}: ${[`${this.loaded.length} tensor${this.loaded.length === 1 ? '' : 's'} loaded`, ...counts].join(', ')}`;
    const rows = [
      ...cut(limit, 'mismatched', this.mismatched, ({ name, from, expected, got }) => [
        from.length === 1 && from[0] === name ? name : `${name} (${from.join(' + ')})`,
        expected,
        got,
      ]),
      ...cut(limit, 'missing', this.missing, ({ name, shape }) => [name, formatShape(shape), '-']),
      ...cut(limit, 'unexpected', this.unexpected, ({ name, shape }) => [name, '-', formatShape(shape)]),
      ...cut(limit, 'fresh', this.fresh, ({ name, shape, checkpoint }) => [
        name,
        formatShape(shape),
        checkpoint ?? '-',
      ]),
    ];
    const lines = rows.length === 0 ? [] : [table([['status', 'tensor', 'model', 'checkpoint'], ...rows])];
    if (this.unusedSettings.length > 0) lines.push(`  settings without effect: ${this.unusedSettings.join(', ')}`);
    return [summary, ...lines].join('\n');
  }
}

/** A checkpoint that does not fit the model; `report` says in what. Nothing was written into the model. */
export class LoadStateError extends WeightsError {
  readonly report: LoadReport;

  constructor(report: LoadReport) {
    super({
      where: 'weights.loadState',
      problem: 'the checkpoint does not fit the model',
      remedy:
        'pick the adapter for these names, list new heads in `fresh`, or pass `strict: false` to load what fits and ' +
        'read the report',
      details: report.toString(20),
    });
    this.report = report;
  }
}

function cut<T>(limit: number, status: string, items: readonly T[], row: (item: T) => string[]): string[][] {
  const rows = items.slice(0, limit).map((item) => [status, ...row(item)]);
  return items.length > limit ? [...rows, [status, `… and ${items.length - limit} more`, '', '']] : rows;
}

function table(texts: readonly string[][]): string {
  // names come from files
  const rows = texts.map((row) => row.map(printable));
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd())
    .join('\n');
}
