import { printable } from './printable.js';

/**
 * What went wrong, by area. A program switches on the code, a person reads the message.
 *
 * - `shape`: a tensor or array of the wrong shape or dtype
 * - `config`: options that contradict each other or name something unknown
 * - `input`: a file, row or text that cannot be used
 * - `weights`: a checkpoint that is malformed or does not fit the model
 * - `hub`: a download that failed
 * - `checkpoint`: a training state that cannot be written or resumed
 * - `engine`: a compute backend that cannot do the work
 * - `training`: a run that went bad (NaN, too few pairs)
 * - `store`: an index or vector store that cannot be read or written, or does not answer
 * - `communication`: processes that train together and lost each other
 */
export type ErrorCode =
  | 'shape'
  | 'config'
  | 'input'
  | 'weights'
  | 'hub'
  | 'checkpoint'
  | 'engine'
  | 'training'
  | 'store'
  | 'communication';

/** The parts of an error message, in the order in which they are read. */
export interface ErrorParts {
  /** Where it happened: `vision.resnet50`, `pairs.jsonl:17`. */
  where: string;
  /** What was expected there. */
  expected?: string;
  /** What came instead. */
  got?: string;
  /** What went wrong, where expected/got do not say it. */
  problem?: string;
  /** What to do about it. */
  remedy?: string;
  /** Lines below the message, such as a table, whose texts from files went through {@link printable}. */
  details?: string;
}

/**
 * Base class of every error that diptych throws on purpose.
 *
 * The message reads `where: expected …, got …; problem; remedy`, on one line: control characters in it are escaped. Recognise it across package copies with
 * {@link isDiptychError}, which checks a symbol instead of the class.
 */
export class DiptychError extends Error {
  override readonly name: string = 'DiptychError';
  readonly code: ErrorCode;
  readonly where: string;
  readonly expected: string | undefined;
  readonly got: string | undefined;
  readonly problem: string | undefined;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, parts: ErrorParts, options?: { cause?: unknown }) {
    super(formatError(parts), options);
    this.code = code;
    this.where = printable(parts.where);
    this.expected = shown(parts.expected);
    this.got = shown(parts.got);
    this.problem = shown(parts.problem);
    this.remedy = shown(parts.remedy);
    Object.defineProperty(this, BRAND, { value: true });
  }
}

function shown(part: string | undefined): string | undefined {
  return part === undefined ? undefined : printable(part);
}

const BRAND = Symbol.for('diptych.error');

/** True for errors that diptych threw on purpose, also when another copy of core made them. */
export function isDiptychError(error: unknown): error is DiptychError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[BRAND] === true;
}

/** A tensor or array has the wrong shape or dtype. */
export class ShapeError extends DiptychError {
  override readonly name = 'ShapeError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('shape', parts, options);
  }
}

/** Options contradict each other, are out of range or name something unknown. */
export class ConfigError extends DiptychError {
  override readonly name = 'ConfigError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('config', parts, options);
  }
}

/** A file, row, image or text cannot be used. */
export class InputError extends DiptychError {
  override readonly name: string = 'InputError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('input', parts, options);
  }
}

/** A weight file is malformed, or does not fit the model. */
export class WeightsError extends DiptychError {
  override readonly name = 'WeightsError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('weights', parts, options);
  }
}

/** A hub download failed. */
export class HubError extends DiptychError {
  override readonly name = 'HubError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('hub', parts, options);
  }
}

/** A training state cannot be written, is damaged, or does not belong to this run. */
export class CheckpointError extends DiptychError {
  override readonly name = 'CheckpointError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('checkpoint', parts, options);
  }
}

/** A compute backend is missing or cannot do the work. */
export class EngineError extends DiptychError {
  override readonly name = 'EngineError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('engine', parts, options);
  }
}

/** A training run cannot go on: not-a-number values, too few pairs. */
export class TrainingError extends DiptychError {
  override readonly name = 'TrainingError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('training', parts, options);
  }
}

/** An index or vector store cannot be read or written, is damaged, or does not answer. */
export class StoreError extends DiptychError {
  override readonly name = 'StoreError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('store', parts, options);
  }
}

/** Processes that work together cannot: a library is missing or another one, a rank has failed or does not come. */
export class CommunicationError extends DiptychError {
  override readonly name = 'CommunicationError';
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super('communication', parts, options);
  }
}

function formatError({ where, expected, got, problem, remedy, details }: ErrorParts): string {
  const comparison = [expected && `expected ${expected}`, got && `got ${got}`].filter(Boolean).join(', ');
  // File names, captions and answers of servers stand in these parts.
  const message = printable(`${where}: ${[comparison, problem, remedy].filter(Boolean).join('; ')}`);
  return details ? `${message}\n${details}` : message;
}
