// Training of the main job (`npm start`, all its steps) beside the same recipe in PyTorch (reference/emoji_train.py), in turns.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { line, median } from './lib/statistics.mjs';

const STEPS = 300;
const ROUNDS = 2;
/** The first epoch also decodes the pictures, the first step is recorded. */
const FIRST_EPOCH = 11;
const root = fileURLToPath(new URL('..', import.meta.url));
const python = process.env.DIPTYCH_PYTHON;

const ours = [];
const theirs = [];
for (let round = 0; round < ROUNDS; round++) {
  ours.push(await trainHere());
  if (python) theirs.push(trainInPython());
}
const compared = (pick) => python && { reference: theirs.map(pick), against: 'PyTorch', must: 1 };
for (const result of [
  line(
    'main_job_training',
    `s for ${STEPS} steps, decoding included`,
    ours.map(({ seconds }) => seconds),
    compared(({ seconds, decode_seconds: decoding }) => seconds + decoding),
  ),
  line(
    'main_job_step',
    's/step, pictures decoded',
    ours.map(({ step }) => step),
    compared(({ step_ms: step }) => step / 1000),
  ),
]) {
  console.log(JSON.stringify(result));
}

/** Seconds from the start of training to its last step, and the median step after the first epoch. */
async function trainHere() {
  const runs = mkdtempSync(join(tmpdir(), 'diptych-main-job-'));
  try {
    const job = ['packages/cli/bin/diptych.js', 'train', '--config', 'apps/example/diptych.config.ts'];
    execFileSync(process.execPath, [...job, '--steps', String(STEPS), '--runs', runs], {
      cwd: root,
      stdio: 'ignore',
    });
    const log = readFileSync(join(runs, '001', 'steps.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    const at = log.map((text) => JSON.parse(text)).flatMap(({ kind, seconds }) => (kind === 'step' ? [seconds] : []));
    return { seconds: at.at(-1), step: median(at.slice(FIRST_EPOCH).map((end, i) => end - at[FIRST_EPOCH + i - 1])) };
  } finally {
    rmSync(runs, { recursive: true, force: true });
  }
}

function trainInPython() {
  const printed = execFileSync(python, ['reference/emoji_train.py', '--steps', String(STEPS)], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(printed.trimEnd().split('\n').at(-1));
}
