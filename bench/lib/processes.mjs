import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { clock, threads } from './settings.mjs';

const path = (relative) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/**
 * A Python with torch 2: DIPTYCH_PYTHON, the environment in .cache/venv, or python3 of the path.
 *
 * @returns its path and torch's version, or undefined
 */
export function findPython() {
  const candidates = [process.env.DIPTYCH_PYTHON, path('.cache/venv/bin/python'), 'python3'].filter(Boolean);
  const probe = 'import torch, safetensors; print(torch.__version__)';
  for (const python of candidates) {
    if (python.includes('/') && !existsSync(python)) continue;
    const { status, stdout } = spawnSync(python, ['-c', probe], { encoding: 'utf8' });
    if (status === 0 && stdout.startsWith('2.')) return { python, torch: stdout.trim() };
  }
  return undefined;
}

/** Runs a phase of a bench file in a process of its own. */
export function runSide(file, phase, folder) {
  return runJson(process.execPath, [path('bench/lib/side.mjs'), file, phase, folder]);
}

/** Runs a row of reference/bench.py. */
export function runTorch(python, { row, steps, warmUp = 2 }, folder) {
  const args = ['--folder', folder, '--steps', steps, '--warm-up', warmUp, '--threads', threads, '--clock', clock];
  return runJson(python, [path('reference/bench.py'), row, ...args.map(String)]);
}

/** Runs a bench that is a program of its own, and gives what it printed. */
export function runProgram(file, python) {
  return runText(process.execPath, [file], { ...process.env, ...(python && { DIPTYCH_PYTHON: python }) });
}

/** Runs a program whose last line of output is JSON. */
async function runJson(command, args) {
  return JSON.parse((await runText(command, args)).trimEnd().split('\n').at(-1));
}

function runText(command, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, errors] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? code}\n${errors.slice(-2000)}`));
    });
  });
}
