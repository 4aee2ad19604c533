import type { ScanRequest, ScanResult } from './scanner.js';

/** To a thread. */
export type ScanCall =
  | { readonly number: number; readonly request: ScanRequest }
  | { readonly keepOnly: readonly number[] };

/** From a thread. */
export type ScanReply =
  | { readonly number: number; readonly result: ScanResult }
  | { readonly number: number; readonly error: { readonly message: string; readonly where?: string } };
