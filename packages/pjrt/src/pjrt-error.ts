import { DiptychError, printable } from '@diptych/core';
import { ERROR_CODES } from './layout/pjrt-layout.js';

/** What went wrong, by absl's names: https://abseil.io/docs/cpp/guides/status-codes. */
export type PjrtStatus = Exclude<keyof typeof ERROR_CODES, 'OK'>;

const STATUS_OF = new Map(Object.entries(ERROR_CODES).map(([name, code]) => [code as number, name as PjrtStatus]));

const REMEDIES: Partial<Record<PjrtStatus, string>> = {
  RESOURCE_EXHAUSTED:
    'dispose what is no longer needed, or use smaller batches: memoryStats() of the device says what is in use',
  UNIMPLEMENTED: 'this plugin lacks it: a newer one may have it',
  UNAVAILABLE: 'run `npx diptych-pjrt doctor`: it says what is missing',
};

/** A plugin answered with an error. */
export class PjrtError extends DiptychError {
  override readonly name = 'PjrtError';
  readonly status: PjrtStatus;

  /** @param message what the plugin says: its first line is the problem, the others follow as details */
  constructor(where: string, code: number, message: string) {
    const status = STATUS_OF.get(code) ?? 'UNKNOWN';
    const [first = '', ...rest] = message.trim().split('\n');
    const details = rest.map((line) => printable(line.trimEnd())).filter((line) => line !== '');
    const remedy = REMEDIES[status];
    super('engine', {
      where,
      problem: `${status}: ${first}`,
      ...(remedy !== undefined && { remedy }),
      ...(details.length > 0 && { details: details.join('\n') }),
    });
    this.status = status;
  }
}

/** True for errors of plugins with a status, also when another copy of this package made them. */
export function isPjrtError(error: unknown, status?: PjrtStatus): error is PjrtError {
  return error instanceof Error && error.name === 'PjrtError' && (!status || (error as PjrtError).status === status);
}
