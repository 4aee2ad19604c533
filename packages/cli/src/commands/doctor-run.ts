import { isDiptychError, printable } from '@diptych/core';
import type { Tried } from '../doctor/children.js';
import { doctor } from '../doctor/doctor.js';
import type { Finding } from '../doctor/finding.js';
import { type Machine, thisMachine } from '../doctor/machine.js';
import type { BackendName } from '../engine/backends.js';

/** What `doctor` was asked for. */
export interface DoctorFlags {
  readonly config?: string;
  readonly runs?: string;
  readonly tryEngine?: BackendName;
  readonly json: boolean;
}

const LABELS = { ok: 'ok', note: 'note', mend: 'MEND' } as const;
const LABEL_WIDTH = 6;

/** The work of `diptych doctor`. */
export async function examine(flags: DoctorFlags): Promise<void> {
  if (flags.tryEngine !== undefined) console.log(JSON.stringify(await tryHere(flags.tryEngine)));
  else await report(flags, thisMachine(process.argv[1]!));
}

/** Prints what is found of a machine. */
export async function report({ config, runs, json }: DoctorFlags, machine: Machine): Promise<void> {
  const findings = await doctor(machine, {
    ...(config !== undefined && { config }),
    ...(runs !== undefined && { runs }),
  });
  const ok = findings.every(({ level }) => level !== 'mend');
  if (json) console.log(JSON.stringify({ ok, findings }));
  else console.log(findings.map(lineOf).join('\n'));
  if (!ok) process.exitCode = 1;
}

function lineOf({ level, what, found, remedy }: Finding): string {
  const line = `${LABELS[level].padEnd(LABEL_WIDTH)}${printable(`${what}: ${found}`)}`;
  return remedy === undefined ? line : `${line}\n${' '.repeat(LABEL_WIDTH)}${printable(remedy)}`;
}

/** In this process, which it may end. */
async function tryHere(name: BackendName): Promise<Tried> {
  try {
    const { useBackend } = await import('../engine/backends.js');
    await useBackend(name);
    return {};
  } catch (error) {
    if (!isDiptychError(error)) return { error: error instanceof Error ? error.message : String(error) };
    const { message, where, remedy } = error;
    // the remedy stands below
    const problem = message.slice(`${where}: `.length).replace(`; ${remedy}`, '');
    return { error: problem, ...(remedy !== undefined && { remedy }) };
  }
}
