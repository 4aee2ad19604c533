import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { askProcess } from '@diptych/core/node';
import type { BackendName } from '../engine/backends.js';

/** An attempt: why it failed, and what to do; nothing of both where it worked. */
export interface Tried {
  readonly error?: string;
  readonly remedy?: string;
}

/** A finding of the doctor of `@diptych/pjrt`. */
export interface XlaFinding {
  readonly what: string;
  readonly found: string;
  readonly remedy?: string;
}

/** Loading an engine takes a second or two; a driver that hangs is found. */
const SECONDS = 120;

const ask = <Answer>(...args: string[]) => askProcess<Answer>(args, { doing: 'loading it', seconds: SECONDS });

/** Lets an engine train a small step in a process of its own. */
export async function tryInChild(script: string, name: BackendName): Promise<Tried> {
  return ask<Tried>(script, 'doctor', '--try-engine', name);
}

/** What the doctor of `@diptych/pjrt` finds; undefined where that is not installed. */
export async function xlaDoctor(): Promise<readonly XlaFinding[] | undefined> {
  const script = pjrtScript();
  if (script === undefined) return undefined;
  const answer = await ask<readonly XlaFinding[]>(script, 'doctor', '--json');
  if (!('error' in answer)) return answer;
  return [{ what: 'doctor', found: answer.error, remedy: 'npx diptych-pjrt doctor' }];
}

/** From where the command runs, then from this package: it is no dependency. */
function pjrtScript(): string | undefined {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      const manifest = createRequire(from).resolve('@diptych/pjrt/package.json');
      const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { readonly 'diptych-pjrt': string } };
      const script = join(dirname(manifest), bin['diptych-pjrt']);
      if (existsSync(script)) return script;
    } catch {
      // not installed there
    }
  }
  return undefined;
}
