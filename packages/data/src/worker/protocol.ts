import type { TokenizeOptions } from '@diptych/core';
import type { DecodeResult, PixelOutput } from '../decode-rows.js';
import type { PortablePart } from './import-kinds.js';

/** What a worker thread builds its parts from. */
export interface WorkerSetup {
  readonly transform: PortablePart;
  readonly tokenizer: PortablePart;
  readonly tokenize: TokenizeOptions;
  readonly output: PixelOutput;
  /** Files of the program, from which package names are looked up. */
  readonly resolveFrom: readonly string[];
  readonly maxImageBytes: number;
}

/** A worker's answer: a batch, or an error that is the program's fault, as plain data. */
export type WorkerReply =
  | { readonly result: DecodeResult }
  | { readonly error: { readonly code: string; readonly message: string } };
