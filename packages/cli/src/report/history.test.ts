import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readHistory } from './history.js';

it('takes the later line of a step and passes over a line cut short', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'log-')), 'steps.jsonl');
  const line = (step: number, loss: number) =>
    JSON.stringify({ kind: 'step', step, loss, parts: { matching: 1, 'matching.matchingAccuracy': 0.5 } });
  writeFileSync(
    path,
    [line(1, 3), line(2, 2.5), '{"kind":"resumed","step":1}', line(2, 2), '{"kind":"step","st'].join('\n'),
  );
  expect(readHistory(path)).toEqual([
    { step: 1, loss: 3, parts: { matching: 1 } },
    { step: 2, loss: 2, parts: { matching: 1 } },
  ]);
  expect(readHistory(`${path}.none`)).toEqual([]);
});
