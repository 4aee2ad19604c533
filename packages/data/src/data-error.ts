import { InputError } from '@diptych/core';
import { formatOrigin, type Origin } from './origin.js';

/** Why a line, member, row, image or caption cannot be used. A program counts by it; the message is for people. */
export type BadReason =
  | 'malformed-json'
  | 'malformed-csv'
  | 'malformed-tar'
  | 'malformed-parquet'
  | 'malformed-archive'
  | 'missing-key'
  | 'wrong-type'
  | 'invalid-utf8'
  | 'lone-surrogate'
  | 'line-too-long'
  | 'empty-caption'
  | 'caption-too-long'
  | 'no-pairs'
  | 'unknown-label'
  | 'missing-caption'
  | 'missing-image'
  | 'missing-file'
  | 'unreadable-file'
  | 'outside-root'
  | 'remote-image'
  | 'empty-image'
  | 'image-too-large'
  | 'undecodable-image'
  | 'unsupported-member'
  | 'unreachable'
  | 'untokenizable-caption'
  | 'worker-died';

/** The parts of a {@link DataError}'s message beside its place. */
export interface DataErrorParts {
  readonly expected?: string;
  readonly got?: string;
  readonly problem?: string;
  readonly remedy: string;
}

/** An item of a source cannot be used: where, why, and what to do about it. Thrown in strict mode, quarantined else. */
export class DataError extends InputError {
  override readonly name = 'DataError';
  readonly reason: BadReason;
  readonly origin: Origin;
  /** The message's parts, so that the error can be sent between threads. */
  readonly parts: DataErrorParts;

  constructor(reason: BadReason, origin: Origin, parts: DataErrorParts, options?: { cause?: unknown }) {
    super({ where: formatOrigin(origin), ...parts }, options);
    this.reason = reason;
    this.origin = origin;
    this.parts = parts;
  }
}

/** The error's message, or the thrown value as text, cut to a length that a log can hold. */
export function messageOf(error: unknown, maxLength = 500): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.length > maxLength ? `${message.slice(0, maxLength)}…` : message;
}
