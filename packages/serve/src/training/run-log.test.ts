import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stepRecord } from '../../test/synthetic-runs.js';
import { RunLog } from './run-log.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-'));
  path = join(folder, 'steps.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const line = (record: object) => `${JSON.stringify(record)}\n`;
const step = (number: number, loss: number | 'NaN', more: object = {}) =>
  line({ ...stepRecord(number, 10, 1e-3, loss), ...more });
const losses = async (log: RunLog, cursor = '') => {
  await log.refresh();
  return log.parts(['loss'], 1000, cursor).loss;
};

it('waits for the rest of a line that is cut short, also within a letter', async () => {
  const bytes = Buffer.from(step(1, 3) + line({ kind: 'warning', message: 'größer' }) + step(2, 2));
  const log = new RunLog(path);
  expect(await losses(log)).toBeUndefined(); // not there yet
  for (const byte of bytes.subarray(0, -3)) {
    appendFileSync(path, Buffer.of(byte));
    if (byte > 127) await log.refresh();
  }
  expect((await losses(log))?.y).toEqual([3]);
  const { cursor } = log;
  appendFileSync(path, bytes.subarray(-3));
  expect(await losses(log, cursor)).toMatchObject({ after: 1, x: [2], y: [2] });
  expect(log.details('').events).toMatchObject([{ kind: 'warning', message: 'größer' }]);
});

it('passes over what is no record, and marks what is not finite', async () => {
  writeFileSync(
    path,
    `${step(1, 3)}\nnonsense\n{"kind":"step","st\n[1]\nnull\n{"kind":"step"}\n${step(2, 'NaN')}${step(3, 1)}`,
  );
  expect(await losses(new RunLog(path))).toMatchObject({ x: [1, 2, 3], y: [3, null, 1], bad: [2] });
});

it('takes the later of two histories: a resume, and a process that was killed without one', async () => {
  writeFileSync(path, [1, 2, 3, 4].map((at) => step(at, at)).join(''));
  const log = new RunLog(path);
  await log.refresh();
  const { cursor } = log;
  appendFileSync(path, line({ kind: 'resumed', step: 2, changes: [] }) + step(3, 30, { seconds: 0.5 }));
  expect(await losses(log, cursor)).toMatchObject({ after: -1, x: [1, 2, 3], y: [1, 2, 30] });
  const { elapsed } = log.parts(['elapsed'], 100, '');
  expect(elapsed!.y).toEqual([0.8, 1.6, 2.1]); // a clock of each start, one after the other
  appendFileSync(path, step(1, 100, { seconds: 0.1 }));
  expect((await losses(log, cursor))?.y).toEqual([100]);
});

it('reads a file anew that was put aside or cut', async () => {
  writeFileSync(path, step(1, 1) + step(2, 2) + step(3, 3));
  const log = new RunLog(path);
  await log.refresh();
  const { cursor } = log;
  truncateSync(path, 0);
  appendFileSync(path, step(1, 9));
  expect(await losses(log, cursor)).toMatchObject({ after: -1, y: [9] });
  rmSync(path);
  await log.refresh(); // gone: what is known stays
  expect((await losses(log))?.y).toEqual([9]);
  expect(await losses(log, 'nonsense')).toMatchObject({ after: -1 });
});

it('shows texts of a log without what steers', async () => {
  writeFileSync(
    path,
    line({ kind: 'warning', message: 'look \u001b[31m\u202egnp' }) + line({ kind: 'warning', message: { a: 1 } }),
  );
  const log = new RunLog(path);
  await log.refresh();
  expect(log.details('').events.map(({ message }) => message)).toEqual(['look \\u001b[31m\\u202egnp', '{"a":1}']);
});
