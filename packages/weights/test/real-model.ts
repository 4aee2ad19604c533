import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../..');

/** Trained weights that tests use where they are. */
export interface RealModel {
  readonly name: string;
  /** What the environment says: a folder, or `fetch` to download it. */
  readonly asked: string | undefined;
  /** Where the script puts it, from the repository's root. */
  readonly cached: string;
  /** What brings it, from the repository's root: it prints the folder. */
  readonly script: string;
  readonly megabytes: number;
}

/** The model's folder; empty, with the reason, where it is not there. */
export function findModel(model: RealModel): { readonly folder: string; readonly reason: string } {
  const found = locate(model);
  if (found.reason) console.log(`${model.name} is not tested: ${found.reason}`);
  return found;
}

function locate({ name, asked, cached, script, megabytes }: RealModel) {
  const folder = asked && asked !== 'fetch' ? asked : resolve(root, cached);
  if (existsSync(resolve(folder, 'model.safetensors'))) return { folder, reason: '' };
  if (asked !== 'fetch') {
    return { folder: '', reason: `no ${name} in ${folder}; node ${script} brings it (${megabytes} MB)` };
  }
  try {
    return { folder: execFileSync(process.execPath, [resolve(root, script)], { encoding: 'utf8' }).trim(), reason: '' };
  } catch (error) {
    return { folder: '', reason: (error as { stderr: string }).stderr.trim() };
  }
}
