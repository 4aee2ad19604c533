import { type FileHandle, open } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { printable } from '@diptych/core';
import type { RunEvent, SeriesPart, ShownExamples } from './api.js';
import { Series } from './series.js';

/** Bytes that are read at once. */
const CHUNK = 1 << 20;
/** Bytes of a line at most; what is longer is no record. */
const LINE = 8 << 20;
/** Events that are kept. */
const EVENTS = 500;
/** Series of a run at most. */
const SERIES = 400;

/** A record of a log, as far as it was understood. */
type LogLine = { readonly [key: string]: unknown };

/** What the examples of a log hold, without texts. */
export type LoggedExamples = Omit<ShownExamples, 'pairs'>;

let loads = 0;

/**
 * A run's log as it grows: series, events and the last examples. Whatever becomes of the file is borne: a last line that is cut short waits for its
 * rest, lines that are none are passed over, a file that was replaced is read anew, and steps that come again (a run that
 * was killed and goes on from its last checkpoint) take the place of what was behind them.
 */
export class RunLog {
  readonly #path: string;
  readonly #series = new Map<string, Series>();
  #events: (RunEvent & { readonly at: number })[] = [];
  #examples: LoggedExamples | undefined;
  #examplesAt = 0;
  #generation = ++loads;
  #position = 0;
  #step = 0;
  /** Seconds of training before the current start of the process. */
  #before = 0;
  #seconds = 0;
  #read = 0;
  #file = '';
  #rest: Buffer[] = [];
  #restBytes = 0;
  #reading: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** When it was last asked for. */
  used = performance.now();

  /** Reads what was appended. */
  refresh(): Promise<void> {
    this.used = performance.now();
    this.#reading ??= this.#refresh().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Where somebody stands who knows all of it. */
  get cursor(): string {
    return `${this.#generation}:${this.#position}`;
  }

  /** New points of the series asked for, by name; a cursor of another reading of the file counts for nothing. */
  parts(keys: readonly string[], points: number, cursor: string): Record<string, SeriesPart> {
    const position = this.#known(cursor);
    const found: Record<string, SeriesPart> = {};
    for (const [name, series] of this.#series) {
      if (!keys.some((key) => (key.endsWith('.') ? name.startsWith(key) : name === key))) continue;
      if (position === 0 || series.changedAfter(position)) found[name] = series.part(points, position);
    }
    return found;
  }

  /** Events and examples behind a cursor. */
  details(cursor: string): { events: RunEvent[]; reset: boolean; examples: LoggedExamples | undefined } {
    const position = this.#known(cursor);
    return {
      reset: position === 0,
      events: this.#events.filter(({ at }) => at > position).map(({ at: _, ...event }) => event),
      examples: this.#examplesAt > position ? this.#examples : undefined,
    };
  }

  get keys(): string[] {
    return [...this.#series.keys()];
  }

  #known(cursor: string): number {
    const [generation, position] = cursor.split(':').map(Number);
    return generation === this.#generation && Number.isInteger(position) ? position! : 0;
  }

  async #refresh(): Promise<void> {
    let file: FileHandle;
    try {
      file = await open(this.#path, 'r');
    } catch {
      return; // not there yet, or no longer: what is known stays
    }
    try {
      const { size, ino, birthtimeMs } = await file.stat();
      const identity = `${ino} ${birthtimeMs}`;
      if (size < this.#read || (this.#file !== '' && identity !== this.#file)) this.#forget();
      this.#file = identity;
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, size - this.#read)));
      while (this.#read < size) {
        const { bytesRead } = await file.read(chunk, 0, chunk.length, this.#read);
        if (bytesRead === 0) break;
        this.#read += bytesRead;
        this.#take(chunk.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }

  #forget(): void {
    this.#series.clear();
    this.#events = [];
    this.#examples = undefined;
    this.#examplesAt = 0;
    this.#generation = ++loads;
    this.#rest = [];
    this.#position = 0;
    this.#step = 0;
    this.#before = 0;
    this.#seconds = 0;
    this.#read = 0;
    this.#restBytes = 0;
  }

  #take(bytes: Buffer): void {
    let begin = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, begin)) {
      const piece = bytes.subarray(begin, end);
      begin = end + 1;
      const line = this.#rest.length > 0 ? Buffer.concat([...this.#rest, piece]) : piece;
      const tooLong = this.#restBytes > LINE;
      this.#rest = [];
      this.#restBytes = 0;
      if (!tooLong) this.#line(line.toString('utf8'));
    }
    const rest = bytes.subarray(begin);
    this.#restBytes += rest.length;
    if (this.#restBytes > LINE) this.#rest = [];
    else if (rest.length > 0) this.#rest.push(Buffer.from(rest));
  }

  #line(text: string): void {
    const record = parseLine(text);
    if (record === undefined) return;
    this.#position++;
    const { kind, step } = record;
    const at = typeof step === 'number' && Number.isFinite(step) ? step : undefined;
    if (kind === 'step' && at !== undefined) this.#addStep(at, record);
    else if (kind === 'resumed' && at !== undefined) this.#goBack(at);
    else if (kind === 'validation' && at !== undefined) this.#addAll(at, record.metrics, 'validation.');
    else if (kind === 'examples' && at !== undefined) {
      const examples = examplesIn(record, at);
      if (examples) {
        this.#examples = examples;
        this.#examplesAt = this.#position;
      }
    }
    const message = messageOf(record);
    if (message === undefined) return;
    const { time } = record;
    this.#events.push({
      at: this.#position,
      kind: String(kind),
      message,
      ...(typeof time === 'string' && { time: time.slice(0, 40) }),
      ...(at !== undefined && { step: at }),
    });
    if (this.#events.length > EVENTS) this.#events.shift();
  }

  #addStep(step: number, record: LogLine): void {
    if (step <= this.#step) this.#goBack(step - 1);
    this.#step = step;
    const seconds = typeof record.seconds === 'number' ? record.seconds : this.#seconds;
    if (seconds < this.#seconds) this.#before += this.#seconds; // a start of its own, with a clock of its own
    this.#seconds = seconds;
    this.#add('elapsed', step, this.#before + seconds);
    for (const key of NUMBERS) if (key in record) this.#add(key, step, numberOf(record[key]));
    for (const key of BY_NAME) this.#addAll(step, record[key], `${key}.`);
  }

  #addAll(step: number, values: unknown, prefix: string): void {
    if (typeof values !== 'object' || values === null) return;
    for (const [name, value] of Object.entries(values)) this.#add(prefix + name, step, numberOf(value));
  }

  #add(name: string, step: number, value: number | undefined): void {
    if (value === undefined) return;
    let series = this.#series.get(name);
    if (!series) {
      if (this.#series.size >= SERIES) return;
      series = new Series();
      this.#series.set(name, series);
    }
    series.add(step, value, this.#position);
  }

  #goBack(step: number): void {
    if (step >= this.#step) return;
    this.#step = step;
    for (const series of this.#series.values()) series.cut(step, this.#position);
    this.#before = this.#series.get('elapsed')?.last ?? 0;
    this.#seconds = 0;
  }
}

/** Numbers of a step. */
const NUMBERS = ['loss', 'gradNorm', 'pairsPerSecond', 'etaSeconds'];
/** Numbers of a step by part or tower. */
const BY_NAME = ['parts', 'towerGradNorms', 'learningRates', 'updateRatios'];

/** @returns undefined for what is no record */
export function parseLine(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
}

/** Numbers that JSON cannot hold are written as text. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined;
}

/** What a person should read of a record; undefined for steps and numbers. */
function messageOf(record: LogLine): string | undefined {
  const text = (value: unknown) => printable(typeof value === 'string' ? value.slice(0, 2000) : JSON.stringify(value));
  switch (record.kind) {
    case 'warning':
    case 'checkpointFailed':
    case 'checkpointDamaged':
      return text(record.message);
    case 'nonFinite':
      return `loss or gradients were not finite, first ${text(record.tensor)}: the step changed nothing`;
    case 'checkpoint':
      return `saved ${text(record.name)}`;
    case 'frozen':
      return Array.isArray(record.parts) && record.parts.length > 0
        ? `does not train: ${text(record.parts.join(', '))}`
        : 'everything trains';
    case 'resumed': {
      const changes = Array.isArray(record.changes) ? record.changes : [];
      return `went on from step ${text(record.step)}${changes.length > 0 ? ` with ${text(changes)}` : ''}`;
    }
    case 'movedAside':
      return `an older run was put aside: ${text(record.to)}`;
    default:
      return undefined;
  }
}

function examplesIn(record: LogLine, step: number): LoggedExamples | undefined {
  const lists = ['best', 'worst', 'followed'].map((name) => record[name]);
  if (!lists.every((list) => Array.isArray(list) && list.every(isExample))) return undefined;
  const [best, worst, followed] = lists as LoggedExamples['best'][];
  const of = typeof record.of === 'number' ? record.of : 0;
  return { step, of, best: best!.slice(0, 50), worst: worst!.slice(0, 50), followed: followed!.slice(0, 50) };
}

function isExample(value: unknown): boolean {
  const { id, row, rank, score, found } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof id === 'string' &&
    Number.isInteger(row) &&
    typeof rank === 'number' &&
    typeof score === 'number' &&
    Array.isArray(found) &&
    found.every((one) => typeof one?.id === 'string' && Number.isInteger(one?.row))
  );
}
