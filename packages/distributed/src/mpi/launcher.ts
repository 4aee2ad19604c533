import { readFileSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';

/** What started this process as one of several. */
export interface Launcher {
  /** Whose it is: Hydra is MPICH's, Intel's and MVAPICH's; PRRTE and ORTE are Open MPI's; Slurm serves both. */
  readonly kind: 'hydra' | 'openmpi' | 'slurm';
  readonly rank: number;
  readonly size: number;
}

/**
 * What the environment says of the launcher.
 *
 * @returns undefined where no launcher started this process
 */
export function launcherOf(env: NodeJS.ProcessEnv = process.env): Launcher | undefined {
  const read = (kind: Launcher['kind'], rank: string | undefined, size: string | undefined): Launcher | undefined =>
    rank === undefined || size === undefined ? undefined : { kind, rank: Number(rank), size: Number(size) };
  return (
    read('openmpi', env.OMPI_COMM_WORLD_RANK, env.OMPI_COMM_WORLD_SIZE) ??
    // srun sets PMI_RANK too where it speaks PMI-2
    (env.SLURM_STEP_ID === undefined ? undefined : read('slurm', env.SLURM_PROCID, env.SLURM_NTASKS)) ??
    read('hydra', env.PMI_RANK, env.PMI_SIZE)
  );
}

/**
 * Folders of the programs that this process descends from, nearest first, where the system tells it (Linux): the launcher's is
 * among them, and its libraries lie beside it.
 */
export function ancestorFolders(): string[] {
  const folders: string[] = [];
  let pid = process.ppid;
  // a launcher starts a proxy, that npx, that a shell, that Node
  for (let i = 0; i < 8 && pid > 1; i++) {
    try {
      const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
      folders.push(dirname(readlinkSync(`/proc/${pid}/exe`)));
      // the name in brackets can hold spaces and brackets
      pid = Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]);
    } catch {
      break;
    }
  }
  return [...new Set(folders)];
}
