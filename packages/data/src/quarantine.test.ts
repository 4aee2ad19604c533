import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { tempFolder } from '../test/temp-folder.js';
import { DataError } from './data-error.js';
import { Quarantine } from './quarantine.js';

const { folder } = tempFolder('quarantine');
const bad = (line: number) =>
  new DataError(
    'malformed-json',
    { file: 'pairs.jsonl', line },
    { expected: 'JSON', got: 'x'.repeat(5000), remedy: 'repair it' },
  );

describe('Quarantine', () => {
  it('notes each place once, counts each time, per epoch', () => {
    const file = join(folder, 'notes.jsonl');
    const seen: DataError[] = [];
    const quarantine = new Quarantine({ quarantine: file, onBad: (error) => seen.push(error) });
    for (const epoch of [0, 1]) {
      quarantine.startEpoch(epoch);
      for (const line of [3, 4, 3]) quarantine.reject(bad(line));
      expect(quarantine.counts).toEqual({ total: 3, byReason: { 'malformed-json': 3 } });
    }
    expect(String(quarantine)).toBe('3 malformed-json');
    const notes = readFileSync(file, 'utf8').trim().split('\n');
    expect(notes.map((note) => JSON.parse(note))).toMatchObject([
      { epoch: 0, where: 'pairs.jsonl:3', reason: 'malformed-json', file: 'pairs.jsonl', line: 3 },
      { line: 4 },
    ]);
    for (const note of notes) expect(note.length).toBeLessThan(1300);
    expect(seen.length).toBe(6);
  });

  it('throws in strict mode, and goes on with a warning where the file cannot be written', () => {
    expect(() => new Quarantine({ strict: true }).reject(bad(1))).toThrow('pairs.jsonl:1: expected JSON');
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const quarantine = new Quarantine({ quarantine: join(folder, 'no/such/folder.jsonl') });
    quarantine.reject(bad(1));
    quarantine.reject(bad(2));
    expect(quarantine.counts.total).toBe(2);
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
});
