import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { installWheels } from '@diptych/pjrt/wheels';

/** A program that starts ranks, with the options that it needs where tests run. */
export interface MpiLauncher {
  readonly name: string;
  readonly command: readonly string[];
}

/** How a job ended. */
export interface MpiJob {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'diptych/mpi');

/** As root, and with more ranks than cores: tests only. */
const OPEN_MPI = ['--allow-run-as-root', '--oversubscribe'];

/**
 * The launchers of this machine: MPICH's wheel, fetched with DIPTYCH_MPI_WHEEL=fetch or there already, and what Debian's packages install.
 *
 * @returns none where there is no MPI; the tests then say so
 */
export async function mpiLaunchers(): Promise<MpiLauncher[]> {
  const launchers: MpiLauncher[] = [];
  if (process.env.DIPTYCH_MPI_WHEEL === 'fetch')
    await installWheels(CACHE, 'mpich', [{ distribution: 'mpich', from: '5' }]);
  const data =
    existsSync(join(CACHE, 'mpich')) && readdirSync(join(CACHE, 'mpich')).find((name) => name.endsWith('.data'));
  if (data) launchers.push({ name: "MPICH's wheel", command: [join(CACHE, 'mpich', data, 'data/bin/mpiexec')] });
  if (isThere('mpirun.mpich')) launchers.push({ name: "Debian's MPICH", command: ['mpirun.mpich'] });
  if (isThere('mpirun.openmpi'))
    launchers.push({ name: "Debian's Open MPI", command: ['mpirun.openmpi', ...OPEN_MPI] });
  return launchers;
}

function isThere(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** Environment without what would choose a library. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { DIPTYCH_MPI: _, ...rest } = process.env;
  return { ...rest, ...env };
}

/**
 * Runs a program of Node on ranks.
 *
 * @param onLine hears each line that a rank prints, with the launcher's process
 */
export function runRanks(
  { command }: MpiLauncher,
  ranks: number,
  program: readonly string[],
  { env = {}, onLine }: { env?: NodeJS.ProcessEnv; onLine?: (line: string, launcher: ChildProcess) => void } = {},
): Promise<MpiJob> {
  const [launcher, ...options] = command;
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const args = [...options, '-n', String(ranks), process.execPath, ...program];
    const child = spawn(launcher!, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment(env) });
    const said = { stdout: '', stderr: '' };
    let rest = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said.stdout += chunk;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) onLine?.(line, child);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      said.stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...said, seconds: (performance.now() - begin) / 1000 }));
  });
}
