import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { communicatorChecks } from '@diptych/testing';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mpiLaunchers, runRanks } from '../../test/launchers.js';
import { dialectOf } from './find-library.js';
import { launcherOf } from './launcher.js';

const ROOT = resolve(import.meta.dirname, '../../../..');
const launchers = await mpiLaunchers();

let folder = '';
let program = '';
beforeAll(async () => {
  const cache = join(ROOT, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'diptych-mpi-'));
  program = join(folder, 'rank.mjs');
  await build({
    entryPoints: [resolve(import.meta.dirname, '../../test/rank.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['koffi', '@tensorflow/*', 'onnxruntime-*'],
    tsconfig: join(ROOT, 'tsconfig.base.json'),
    logLevel: 'error',
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a rank by itself, without a launcher. */
function alone(env: NodeJS.ProcessEnv): string {
  const { DIPTYCH_MPI: _, ...rest } = process.env;
  return spawnSync(process.execPath, [program, 'contract'], { env: { ...rest, ...env }, encoding: 'utf8' }).stderr;
}

/** True until a process is gone; one that is dead and not yet waited for is gone too. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

async function allGone(pids: readonly number[]): Promise<boolean> {
  for (let i = 0; i < 100 && pids.some(isRunning); i++) await new Promise((done) => setTimeout(done, 100));
  return !pids.some(isRunning);
}

describe('a library of MPI', () => {
  it('is called as its name says', () => {
    expect(dialectOf('/opt/mpich/lib/libmpi_abi.so.1')).toBe('abi');
    expect(dialectOf('libmpi.so.12')).toBe('mpich');
    expect(dialectOf('/usr/lib/libmpich.so.12.2.2')).toBe('mpich');
    expect(dialectOf('libmpi.so.40.30.4')).toBe('openmpi');
    expect(dialectOf('libmpi.40.dylib')).toBe('openmpi');
    expect(dialectOf('libmpi.so')).toBeUndefined();
    expect(dialectOf('libc.so.6')).toBeUndefined();
  });

  it('is chosen by what started the process', () => {
    expect(launcherOf({ PMI_RANK: '1', PMI_SIZE: '4' })).toEqual({ kind: 'hydra', rank: 1, size: 4 });
    expect(launcherOf({ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '2' })).toMatchObject({ kind: 'openmpi' });
    const slurm = { SLURM_STEP_ID: '0', SLURM_PROCID: '3', SLURM_NTASKS: '8' };
    expect(launcherOf(slurm)).toEqual({ kind: 'slurm', rank: 3, size: 8 });
    // a batch script's own environment is not that of a step
    expect(launcherOf({ SLURM_PROCID: '0', SLURM_NTASKS: '8' })).toBeUndefined();
    expect(launcherOf({})).toBeUndefined();
  });

  it('that is missing is said with what to do', () => {
    expect(alone({ DIPTYCH_MPI: '/nowhere/libmpi.so.12' })).toMatch(
      /CommunicationError: distributed\.mpi: no library of MPI can be loaded; install MPI .*DIPTYCH_MPI/,
    );
    expect(alone({ DIPTYCH_MPI: '/nowhere/libmpi.so' })).toMatch(
      /the name says how to call it.*got \/nowhere\/libmpi\.so/,
    );
    expect(alone({ DIPTYCH_MPI: folder })).toMatch(/expected a folder with libmpi_abi\.so\.1/);
  });
});

if (launchers.length === 0) {
  describe('ranks that are processes', () => {
    it.skip('were not started: no MPI here (DIPTYCH_MPI_WHEEL=fetch brings a wheel, or apt install mpich)', () => {});
  });
}

describe.each(launchers)('ranks that are processes of $name', (launcher) => {
  it.each([1, 2, 3])('keep the contract, %d of them', { timeout: 120_000 }, async (size) => {
    const { status, stdout, stderr } = await runRanks(launcher, size, [program, 'contract']);
    const lines = stdout.trim().split('\n');
    expect(lines.slice(0, -1), stderr).toEqual(communicatorChecks().map(({ name }) => `kept: ${name}`));
    expect(lines.at(-1)).toMatch(/^size \d, open, CommunicationError: .*the communicator was closed$/);
    expect(lines.at(-1)).toContain(`size ${size},`);
    expect(status).toBe(0);
  });

  /** Runs two ranks that tell their processes, and has something done to one of them. */
  async function disturbed(role: string, then: (pids: readonly number[]) => void, timeout = '60') {
    const pids: number[] = [];
    const job = await runRanks(launcher, 2, [program, role, timeout], {
      onLine: (line) => {
        const [, rank, pid] = /^pid (\d) (\d+)$/.exec(line) ?? [];
        if (rank === undefined) return;
        pids[Number(rank)] = Number(pid);
        if (pids.filter((one) => one !== undefined).length === 2) then(pids);
      },
    });
    expect(job.seconds).toBeLessThan(30);
    expect(job.status).not.toBe(0);
    expect(await allGone(pids)).toBe(true);
    return job;
  }

  it.each([0, 1])('end all when rank %d is killed', { timeout: 60_000 }, async (rank) => {
    await disturbed('work', (pids) => process.kill(pids[rank]!, 'SIGKILL'));
  });

  it('end all when one stands still, and say for how long they waited', { timeout: 60_000 }, async () => {
    const { stderr } = await disturbed('work', ([, second]) => process.kill(second!, 'SIGSTOP'), '2');
    expect(stderr).toMatch(/rank 0 of 2 ends the job: .*allReduce on rank 0 of 2: waited for 2 s for the other ranks/);
  });

  it.each([
    ['throws', /a bad day/],
    ['aborts', /rank 0 of 2 ends the job: the disk is full\n/],
    ['exits', /rank 1 of 2 ends the job: exit with status 3\n/],
    ['hangs', /rank 0 of 2 ends the job: .*waited for 2 s/],
  ])('end all when one %s', { timeout: 60_000 }, async (role, message) => {
    const job = await runRanks(launcher, 2, [program, role, '2']);
    expect(job.seconds).toBeLessThan(30);
    expect(job.status).not.toBe(0);
    expect(job.stderr).toMatch(message);
  });

  it('join once, and need not say goodbye', { timeout: 60_000 }, async () => {
    const twice = await runRanks(launcher, 2, [program, 'twice']);
    expect(twice.stdout).toMatch(/this process has joined already/);
    expect(twice.status).toBe(0);
    expect(await runRanks(launcher, 2, [program, 'forgets'])).toMatchObject({ status: 0 });
  });

  it("refuse a library that is not their launcher's", { timeout: 60_000 }, async () => {
    const other = launchers.find(({ name }) => name.includes('Open MPI') !== launcher.name.includes('Open MPI'));
    if (!other) return;
    const library = launcher.name.includes('Open MPI') ? 'libmpich.so.12' : 'libmpi.so.40';
    const job = await runRanks(launcher, 2, [program, 'forgets'], { env: { DIPTYCH_MPI: library } });
    expect(job.status).not.toBe(0);
    expect(job.stderr).toMatch(
      /expected 2 ranks, as the launcher .* has started', got 1|expected 2 ranks, as the launcher/,
    );
  });
});
