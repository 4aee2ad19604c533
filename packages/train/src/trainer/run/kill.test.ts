import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Generator } from '@diptych/nn';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../../../..');
/** On each backend, 20 in all. */
const KILLS = 10;
const STEPS = 100;

let folder: string;
let program: string;

beforeAll(async () => {
  // inside the repository, so that the bundle finds what is left out of it
  const cache = join(ROOT, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'diptych-kill-'));
  program = join(folder, 'child.mjs');
  await build({
    entryPoints: [resolve(import.meta.dirname, '../../../test/kill-child.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['onnxruntime-node', 'onnxruntime-common'],
    ignoreAnnotations: true, // tfjs-backend-cpu's main file is not in its list of side effects
    tsconfig: join(ROOT, 'tsconfig.base.json'),
    // tfjs's CommonJS bundle asks for Node's modules by require
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'error',
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Life {
  readonly lines: string[];
  readonly killed: boolean;
}

/** Runs the child, and kills it once `killWhen` says so, after some milliseconds. */
function live(
  backend: string,
  checkpoints: string,
  killWhen?: (line: string) => number | Promise<number> | undefined,
): Promise<Life> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [program, checkpoints, String(STEPS), backend], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: string[] = [];
    let rest = '';
    let errors = '';
    let sentence = false;
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk;
    });
    child.stdout.on('data', (chunk: Buffer) => {
      const complete = (rest + chunk).split('\n');
      rest = complete.pop()!;
      for (const line of complete) {
        lines.push(line);
        const delay = sentence ? undefined : killWhen?.(line);
        if (delay === undefined) continue;
        sentence = true;
        void Promise.resolve(delay).then((milliseconds) => setTimeout(() => child.kill('SIGKILL'), milliseconds));
      }
    });
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') done({ lines, killed: true });
      else if (code === 0) done({ lines, killed: false });
      else failed(new Error(`child ended with ${code}: ${errors}`));
    });
  });
}

function losses({ lines }: Life): Map<number, string> {
  return new Map(
    lines.flatMap((line) => {
      const [, step, bits] = /^step (\d+) (\w+)$/.exec(line) ?? [];
      return step && bits ? [[Number(step), bits]] : [];
    }),
  );
}

describe.each(['cpu', 'onnxruntime'])('a run on %s that is killed', (backend) => {
  it(`goes on ${KILLS} times with the identical losses, wherever SIGKILL hits it`, { timeout: 300_000 }, async () => {
    const wanted = losses(await live(backend, join(folder, `${backend} undisturbed`)));
    expect(wanted.size).toBe(STEPS);

    const checkpoints = join(folder, `${backend} killed`);
    const random = new Generator(11);
    const seen = new Map<number, string>();
    let unfinished = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      // after one to three steps of this life, up to 20 ms later: between steps, in one, or while a checkpoint is written
      const [a, b] = random.uniform(2);
      let steps = 1 + Math.floor(a! * 3);
      const life = await live(backend, checkpoints, (line) =>
        line.startsWith('step') && --steps <= 0 ? b! * 20 : undefined,
      );
      expect(life.killed, `kill ${kill}`).toBe(true);
      expect(life.lines.filter((line) => line.startsWith('damaged'))).toEqual([]);
      unfinished += readdirSync(checkpoints).filter((name) => /^\.(writing|old)/.test(name)).length;
      for (const [step, bits] of losses(life)) {
        expect(bits, `step ${step} in life ${kill}`).toBe(wanted.get(step));
        seen.set(step, bits);
      }
    }
    const last = await live(backend, checkpoints);
    expect(last.lines.at(-1)).toBe('finished');
    for (const [step, bits] of losses(last)) {
      expect(bits, `step ${step} at last`).toBe(wanted.get(step));
      seen.set(step, bits);
    }
    expect(seen.size).toBe(STEPS);
    // some kills must have hit a checkpoint on its way, or the test proves little
    expect(unfinished).toBeGreaterThan(0);
    expect(readdirSync(checkpoints).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('a run folder in the hands of a living process', () => {
  it('is refused, and free at once when that is killed', { timeout: 60_000 }, async () => {
    const checkpoints = join(folder, 'locked');
    let second: Promise<Life> | undefined;
    const child = live('cpu', checkpoints, (line) => {
      if (!line.startsWith('step')) return undefined;
      second = live('cpu', checkpoints);
      return second.then(
        () => 0,
        () => 0,
      );
    });
    expect((await child).killed).toBe(true);
    await expect(second).rejects.toThrow(/is training in it/);
    expect((await live('cpu', checkpoints)).lines.at(-1)).toBe('finished');
  });
});
