import { appendFileSync, constants, copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { checkPath } from '@diptych/core';
import type { LogRecord, TrainingLog } from '../trainer/run/run-events.js';

/**
 * A log of a run: one JSON object a line, appended, so that a resumed run goes on in the same file; one that puts an older run
 * aside (`fresh`) puts that one's log beside its checkpoints. Numbers that JSON cannot hold (NaN, infinities) are written as strings.
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
    moveAside: (to) => {
      if (!existsSync(path)) return;
      // a store of your own may name a place that is no folder
      const isFolder = statSync(to, { throwIfNoEntry: false })?.isDirectory() ?? false;
      const time = new Date().toISOString().replace(/[:.]/g, '-');
      // copied, not renamed: the log may lie on another disk
      copyFileSync(path, isFolder ? join(to, basename(path)) : `${path}.before-${time}`, constants.COPYFILE_EXCL);
      rmSync(path);
    },
  };
}

function nameNonFinite(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
