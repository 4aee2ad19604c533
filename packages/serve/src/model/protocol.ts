import { DiptychError, type ErrorCode, type ErrorParts, isDiptychError } from '@diptych/core';
import type { WordAttention } from 'diptych';

/** What a thread with a model is asked. */
export interface ModelCall {
  readonly id: number;
  readonly texts?: readonly string[];
  readonly images?: readonly Uint8Array[];
  /** `embed` takes texts or pictures, `match` both, `attention` one of each. */
  readonly work: 'embed' | 'match' | 'attention';
}

/** Tells the thread to finish and end. It is not terminated: ONNX Runtime aborts the whole program where that happens in the middle of a run. */
export const END = 'end';

/** First message of the thread. */
export interface ModelReady {
  readonly embedDim: number;
  readonly matches: boolean;
  readonly attends: boolean;
}

/** An error on its way between threads, where classes are lost. */
export type SentError = { readonly code?: ErrorCode; readonly message: string } & ErrorParts;

/** What the thread answers. */
export type ModelReply =
  | { readonly ready: ModelReady }
  | { readonly failed: SentError }
  | { readonly id: number; readonly data: Float32Array }
  | { readonly id: number; readonly attention: WordAttention }
  | { readonly id: number; readonly error: SentError };

export function sendError(error: unknown): SentError {
  if (!isDiptychError(error)) return { where: 'serve: model', message: String((error as Error)?.stack ?? error) };
  const { code, where, expected, got, problem, remedy, message } = error;
  return { code, where, message, ...definedParts({ expected, got, problem, remedy }) };
}

export function receiveError({ code, message, ...parts }: SentError): Error {
  return code === undefined ? new Error(message) : new DiptychError(code, parts);
}

function definedParts(parts: { [Name in keyof ErrorParts]?: ErrorParts[Name] | undefined }): Partial<ErrorParts> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}
