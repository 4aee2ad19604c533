import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Matrix } from '@diptych/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundle } from '../test/bundle.js';
import { stateAfter } from '../test/operations.js';
import { openIndex } from './open-index.js';

const KILLS = 50;

let folder: string;
let program: string;

beforeAll(async () => {
  ({ folder, program } = await bundle('test/kill-child.ts'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Runs the child, and kills it some milliseconds after it has done some operations, however busy the machine is. Returns how many it said
 * were done.
 */
function live(index: string, after: number, milliseconds: number, already: number): Promise<number> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [program, index], { stdio: ['ignore', 'pipe', 'pipe'] });
    let operations = already;
    let left = after;
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk;
    });
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('done')) operations = Number(line.slice('done '.length)) + 1;
      if (left-- === 0) setTimeout(() => child.kill('SIGKILL'), milliseconds);
    });
    child.on('close', (_, signal) => {
      if (signal === 'SIGKILL') done(operations);
      else failed(new Error(`child ended by itself: ${errors}`));
    });
  });
}

it(`SIGKILL at ${KILLS} random moments loses nothing that was committed, and damages nothing`, {
  timeout: 300_000,
}, async () => {
  const path = join(folder, 'index');
  let operations = 0;
  let leftovers = 0;
  let unsaid = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const said = await live(path, kill % 5, (kill * 7) % 23, operations);
    leftovers += readdirSync(path).filter((name) => name.endsWith('.tmp')).length;
    const index = await openIndex(path, { readonly: true, threads: 1 });
    await index.verify();
    const [last] = await index.get(['last']);
    // one more may be committed than the child had time to say; a delete says nothing of itself
    const lastAdd = (last?.metadata.number as number | undefined) ?? -1;
    const possible = [said, said + 1].filter((count) => lastAdd === (stateAfter(count).get('last') ?? -1));
    const found = new Map<string, number>();
    for await (const { ids, metadata, vectors } of index.rows()) {
      for (const [i, id] of ids.entries()) {
        expect(found.has(id), `${id} twice`).toBe(false);
        found.set(id, metadata[i]!.number as number);
        const length = Math.hypot(...vectors.row(i));
        expect(Math.abs(length - 1)).toBeLessThan(1e-5);
      }
    }
    const state = possible.find((count) => sameState(found, stateAfter(count)));
    expect(state, `after kill ${kill}, ${said} said, last ${lastAdd}`).toBeDefined();
    if (state! > said) unsaid++;
    operations = state!;
    const [hits] = await index.search(new Matrix(new Float32Array(24).fill(1), [1, 24]), { k: 1000 });
    expect(hits!.length).toBe(found.size);
    await index.close();
  }
  expect(operations).toBeGreaterThan(KILLS);
  // some must have hit a file on its way, or the test proves little
  expect(leftovers + unsaid).toBeGreaterThan(0);
  const index = await openIndex(path, { threads: 1 });
  expect(readdirSync(path).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  expect(readdirSync(path).filter((name) => name.endsWith('.dip')).length).toBe(index.stats().segments);
  await index.close();
});

it('a reader in another process sees whole commits, one after the other, while segments are merged away', {
  timeout: 120_000,
}, async () => {
  const path = join(folder, 'beside');
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((open) => child.stdout.once('data', () => open()));
  child.stdout.resume();
  const reader = await openIndex(path, { readonly: true, threads: 1 });
  try {
    let operations = 0;
    let refreshed = 0;
    for (const end = Date.now() + 4000; Date.now() < end; ) {
      if (!(await reader.refresh())) {
        await new Promise((later) => setTimeout(later, 5));
        continue;
      }
      refreshed++;
      const found = new Map<string, number>();
      for await (const { ids, metadata } of reader.rows()) {
        for (const [i, id] of ids.entries()) found.set(id, metadata[i]!.number as number);
      }
      // a delete says nothing of itself, nor does one that finds nothing make a commit
      const last = found.get('last')!;
      const state = [last + 1, last + 2].find((count) => sameState(found, stateAfter(count)));
      expect(state, `after operation ${last}`).toBeDefined();
      expect(state!).toBeGreaterThanOrEqual(operations);
      operations = state!;
      const [hits] = await reader.search(new Matrix(new Float32Array(24).fill(1), [1, 24]), { k: 1000 });
      expect(hits!.length).toBe(found.size);
    }
    expect(refreshed).toBeGreaterThan(5);
  } finally {
    await reader.close();
    const ended = new Promise((done) => child.once('close', done));
    child.kill('SIGKILL');
    await ended;
  }
});

function sameState(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([id, number]) => b.get(id) === number);
}
