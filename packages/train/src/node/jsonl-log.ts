import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkPath } from '@diptych/core';
import type { LogRecord, TrainingLog } from '../trainer/run/run-events.js';

/**
 * A log of a run: one JSON object a line, appended, so that a resumed run goes on in the same file. Numbers that JSON cannot
 * hold (NaN, infinities) are written as strings.
 *
 * @param path of the file; its folder is made
 */
export function jsonlLog(path: string): TrainingLog {
  checkPath('train.jsonlLog', path);
  mkdirSync(dirname(path), { recursive: true });
  return {
    write: (record: LogRecord) => {
      const entry = { time: new Date().toISOString(), ...record };
      appendFileSync(path, `${JSON.stringify(entry, (_, value) => nameNonFinite(value))}\n`);
    },
  };
}

function nameNonFinite(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
