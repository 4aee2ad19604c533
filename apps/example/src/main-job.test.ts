import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emojiPairs } from './emoji.js';

// real processes on what `npm run build` made
const DIPTYCH = fileURLToPath(new URL('../../../packages/cli/bin/diptych.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));
const TRAIN = ['train', '--config', fileURLToPath(new URL('../diptych.config.ts', import.meta.url))];
const SEARCH = ['search'];
const MINUTES = 60_000;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function start(
  command: readonly string[],
  args: readonly string[],
): { child: ChildProcess; output: () => string; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [DIPTYCH, ...command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, output })));
  return { child, output: () => output, ended };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('npm start', () => {
  let folder = '';
  beforeAll(() => {
    if (!existsSync(BUILT)) throw new Error('the command line is not built: npm run build');
    folder = mkdtempSync(join(tmpdir(), 'example-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    'saves on Ctrl-C, goes on from there, and leaves a run that can be searched',
    async () => {
      const runs = join(folder, 'runs');
      const args = ['--steps', '6', '--runs', runs];
      const first = start(TRAIN, args);
      await until(() => first.output().includes('step 1/6') || first.child.exitCode !== null);
      first.child.kill('SIGINT');
      const interrupted = await first.ended;
      expect(interrupted.output).toMatch(/saved at step \d/);
      expect(interrupted.code).toBe(130);

      const second = await start(TRAIN, args).ended;
      expect(second.output).toMatch(/going on from step \d/);
      expect(second.code).toBe(0);
      const run = join(runs, '001');
      const metrics = JSON.parse(readFileSync(join(run, 'metrics.json'), 'utf8'));
      expect(metrics).toMatchObject({ candidates: 757, seed: 0, split: 'base' });
      expect(Object.keys(metrics.textToImage)).toEqual(['recall@1', 'recall@5', 'recall@10', 'medianRank']);
      expect(readFileSync(join(run, 'report.html'), 'utf8')).toMatch(
        /id="frozen">.*"worst":.*data:image\/webp;base64,/,
      );

      const found = await start(SEARCH, ['a red heart', '--runs', runs, '--top', '3', '--rerank', '10']).ended;
      expect(found.code).toBe(0);
      expect(found.output.split('\n').filter((line) => /^ \d {2}/.test(line))).toHaveLength(3);
      const page = join(folder, 'found.html');
      const picture = emojiPairs()[0]!.image;
      expect((await start(SEARCH, ['--image', picture, '--runs', runs, '--html', page]).ended).code).toBe(0);
      expect(readFileSync(page, 'utf8')).toContain('data:image/png;base64,');
    },
    10 * MINUTES,
  );

  it(
    'quarantines what it cannot use of own data and says when too little is left',
    async () => {
      const [picture] = emojiPairs();
      const data = join(folder, 'pairs.jsonl');
      writeFileSync(join(folder, 'page.jpg'), '<html>not a picture</html>');
      writeFileSync(
        data,
        [
          JSON.stringify({ image: picture!.image, text: 'outside the folder' }),
          JSON.stringify({ image: 'missing.png', text: 'a missing file' }),
          JSON.stringify({ image: 'page.jpg', text: 'a page' }),
          JSON.stringify({ image: 'page.jpg', text: ' ' }),
          '{"image": "page.jpg", "text":',
        ].join('\n'),
      );
      const { code, output } = await start(TRAIN, ['--data', data, '--runs', join(folder, 'own')]).ended;
      expect(code).toBe(1);
      expect(output).toContain('expected at least 2 pairs to train on and 2 to hold out');
      const notes = readFileSync(join(folder, 'own/001/quarantine.jsonl'), 'utf8').trim().split('\n');
      const reasons = notes.map((line) => JSON.parse(line) as { line: number; reason: string });
      expect(reasons.map(({ line, reason }) => [line, reason]).sort()).toEqual([
        [1, 'outside-root'],
        [2, 'missing-file'],
        [3, 'undecodable-image'],
        [4, 'empty-caption'],
        [5, 'malformed-json'],
      ]);
    },
    2 * MINUTES,
  );

  it(
    'names the remedy for an engine that is not there',
    async () => {
      const { code, output } = await start(TRAIN, ['--backend', 'tensorflow', '--runs', join(folder, 'none')]).ended;
      expect(code).toBe(1);
      expect(output).toMatch(
        /--backend tensorflow: this engine cannot train here: .*; npm install @tensorflow\/tfjs-node/s,
      );
      expect(existsSync(join(folder, 'none'))).toBe(false);
    },
    MINUTES,
  );
});
