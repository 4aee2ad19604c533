import type { JsonObject } from '@diptych/core';
import type { Examples } from '../../evaluate/examples.js';
import { formatChange, type SettingChange } from './run-settings.js';

/** What is known after a step. */
export interface StepReport {
  /** Steps done so far, this one included. */
  readonly step: number;
  readonly epoch: number;
  /** Steps of the whole run, where known. */
  readonly total: number | undefined;
  readonly loss: number;
  /** Named parts of the loss. */
  readonly parts: Readonly<Record<string, number>>;
  /** Global norm before clipping. */
  readonly gradNorm: number;
  /** The same for each tower. */
  readonly towerGradNorms: Readonly<Record<string, number>>;
  /** Rate of each tower in this step. */
  readonly learningRates: Readonly<Record<string, number>>;
  /** Pairs in this step's batch. */
  readonly pairs: number;
  /** Mean over the last steps. */
  readonly pairsPerSecond: number;
  /** Since `fit` began. */
  readonly seconds: number;
  /** Until the end, where it is known. */
  readonly etaSeconds: number | undefined;
  /** |change| / |weights| of each tower in this step, on the steps that measure it. */
  readonly updateRatios: Readonly<Record<string, number>> | undefined;
  /** Where loss or gradients were not finite and the step changed nothing: the first bad tensor. */
  readonly nonFinite: string | undefined;
}

/** Something worth knowing that is no step. */
export type TrainingEvent =
  | { readonly kind: 'warning'; readonly message: string }
  /** A step that changed nothing, with what it needs to be run again: its step number and pairs. */
  | { readonly kind: 'nonFinite'; readonly step: number; readonly tensor: string; readonly ids: readonly string[] }
  | { readonly kind: 'validation'; readonly step: number; readonly metrics: Readonly<Record<string, number>> }
  /** The held-out pairs that are found best and worst now, at each validation that has `retrieval`. */
  | ({ readonly kind: 'examples'; readonly step: number } & Examples)
  | { readonly kind: 'checkpoint'; readonly step: number; readonly name: string }
  /** What does not train from this step on, by part: at the first step, and whenever it changes. */
  | { readonly kind: 'frozen'; readonly step: number; readonly parts: readonly string[] }
  /** Goes on from a checkpoint, with what is otherwise than it was when that was saved. */
  | { readonly kind: 'resumed'; readonly step: number; readonly changes: readonly SettingChange[] }
  /** A checkpoint that cannot be used was passed over. */
  | { readonly kind: 'checkpointDamaged'; readonly name: string; readonly message: string }
  /** The checkpoints and the log of an older run were put aside for a new one (`fresh`). */
  | { readonly kind: 'movedAside'; readonly to: string }
  | { readonly kind: 'checkpointFailed'; readonly step: number; readonly message: string };

/** Where records of a run go, e.g. `jsonlLog(path)` of `@diptych/train/node`. */
export interface TrainingLog {
  write(record: LogRecord): void | Promise<void>;
  /**
   * Puts what was written so far aside, deleting nothing: it is of an older run, whose checkpoints are now in `to`. Without it the
   * new run's records follow the old ones.
   */
  moveAside?(to: string): void | Promise<void>;
}

/** A record of a log: one JSON object a line. */
export type LogRecord = JsonObject;

/** Who hears of a run. */
export interface Listeners {
  readonly onStep?: (report: StepReport) => void | Promise<void>;
  /** Warnings, validations, checkpoints. Without it warnings go to the console. */
  readonly onEvent?: (event: TrainingEvent) => void | Promise<void>;
  /** Gets every step and event as one JSON object each. */
  readonly log?: TrainingLog;
}

/** Tells the log and the listeners what happens in a run, one after the other; the run waits for them. */
export class RunEvents {
  readonly #to: Listeners;

  constructor(to: Listeners) {
    this.#to = to;
  }

  async step(report: StepReport): Promise<void> {
    await this.#to.log?.write({ kind: 'step', ...report });
    await this.#to.onStep?.(report);
  }

  /** Puts the log of an older run where its checkpoints are now, and says so in the new one. */
  async movedAside(to: string): Promise<void> {
    await this.#to.log?.moveAside?.(to);
    await this.tell({ kind: 'movedAside', to });
  }

  /** Without `onEvent`, what a person has to hear goes to the console. */
  async tell(event: TrainingEvent): Promise<void> {
    await this.#to.log?.write({ ...event } satisfies LogRecord);
    if (this.#to.onEvent) return this.#to.onEvent(event);
    const message = messageOf(event);
    if (message !== undefined) console.warn(message);
  }

  warn(message: string): Promise<void> {
    return this.tell({ kind: 'warning', message });
  }
}

function messageOf(event: TrainingEvent): string | undefined {
  switch (event.kind) {
    case 'warning':
    case 'checkpointFailed':
      return event.message;
    case 'checkpointDamaged':
      return `${event.message}; trying the one before it`;
    case 'movedAside':
      return `what the run before had written is now in ${event.to}`;
    case 'resumed':
      if (event.changes.length === 0) return undefined;
      return `going on from step ${event.step} with ${event.changes.map(formatChange).join('; ')}`;
    default:
      return undefined;
  }
}
