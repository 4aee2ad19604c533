import { existsSync, statSync } from 'node:fs';
import { CommunicationError, type Communicator, ConfigError, checkOptions, type OptionNames } from '@diptych/core';
import { candidatesFor, dialectOf, type LibraryCandidate, librariesIn } from './find-library.js';
import { type Launcher, launcherOf } from './launcher.js';
import { addressOf, loadMpi, type MpiLibrary } from './library.js';
import { MpiCommunicator } from './mpi-communicator.js';

/** How a process joins the others. */
export interface MpiOptions {
  /** The library, or a folder that holds it. Default: `DIPTYCH_MPI`, else that of the launcher. */
  readonly library?: string;
  /** Seconds that a rank waits in a collective for the others before it ends the job. Default 300. */
  readonly timeout?: number;
}

const OPTIONS: OptionNames<MpiOptions> = { library: 'optional', timeout: 'optional' };

const REMEDY =
  'install MPI (`apt install mpich` or `openmpi-bin`, `pip install mpich`), start with its own mpirun, or name its library in DIPTYCH_MPI';

/**
 * The processes that `mpirun`, `mpiexec` or `srun` started, as one group, by MPI's own library: MPICH (and Intel MPI, MVAPICH,
 * Cray MPICH), Open MPI, or any with the standard ABI of MPI 5. A process joins once.
 *
 * @throws CommunicationError if no library can be loaded, it is not the launcher's, or it allows no thread beside the program's
 * @throws ConfigError for options that are none
 */
export async function mpi(options: MpiOptions = {}): Promise<Communicator> {
  const where = 'distributed.mpi';
  checkOptions(where, options, OPTIONS);
  const { timeout = 300 } = options;
  if (!(timeout > 0)) throw new ConfigError({ where: `${where}: timeout`, expected: 'seconds', got: String(timeout) });
  const launcher = launcherOf();
  const library = loadFirst(where, options.library ?? process.env.DIPTYCH_MPI, launcher);
  initialize(where, library);
  const [rank, size] = [numberOf(library, 'commRank'), numberOf(library, 'commSize')];
  checkLauncher(where, library, launcher, size);
  return new MpiCommunicator(library, rank, size, timeout);
}

function loadFirst(where: string, named: string | undefined, launcher: Launcher | undefined): MpiLibrary {
  const candidates = named ? namedLibraries(where, named) : candidatesFor(launcher?.kind ?? 'slurm');
  const problems: string[] = [];
  for (const { path, dialect } of candidates) {
    try {
      return loadMpi(path, dialect);
    } catch (error) {
      problems.push(`${path}: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`);
    }
  }
  throw new CommunicationError({
    where,
    problem: 'no library of MPI can be loaded',
    remedy: REMEDY,
    details: problems.join('\n'),
  });
}

function namedLibraries(where: string, named: string): LibraryCandidate[] {
  if (existsSync(named) && statSync(named).isDirectory()) {
    const found = librariesIn(named);
    if (found.length > 0) return found;
    const expected = 'a folder with libmpi_abi.so.1, libmpi.so.12 or libmpi.so.40';
    throw new CommunicationError({ where, expected, got: named, remedy: REMEDY });
  }
  const dialect = dialectOf(named);
  if (dialect) return [{ path: named, dialect }];
  throw new CommunicationError({
    where,
    expected:
      'a library named libmpi_abi.so.1, libmpi.so.12, libmpich.so.12 or libmpi.so.40: the name says how to call it',
    got: named,
    remedy: 'name the file with its version',
  });
}

function initialize(where: string, library: MpiLibrary): void {
  const flag = new Int32Array(1);
  library.finalized(addressOf(flag));
  if (flag[0] === 0) library.initialized(addressOf(flag));
  if (flag[0] !== 0) {
    const problem = 'this process has joined already, which a process can do once';
    throw new CommunicationError({ where, problem, remedy: 'hand the communicator on' });
  }
  const { threadMultiple, threadSerialized } = library.constants;
  const code = library.initThread(0n, 0n, threadMultiple, addressOf(flag));
  if (code !== 0)
    throw new CommunicationError({ where, problem: `MPI_Init_thread gave error ${code}`, remedy: REMEDY });
  if (flag[0]! >= threadSerialized) return;
  throw new CommunicationError({
    where,
    expected: 'a library that may be called from another thread (MPI_THREAD_SERIALIZED)',
    got: library.path,
    remedy: 'use one that was built with threads',
  });
}

function numberOf(library: MpiLibrary, name: 'commRank' | 'commSize'): number {
  const number = new Int32Array(1);
  library[name](library.constants.world, addressOf(number));
  return number[0]!;
}

/** A library that does not understand the launcher takes each process for the only one. */
function checkLauncher(where: string, library: MpiLibrary, launcher: Launcher | undefined, size: number): void {
  if (!launcher || launcher.size === size) return;
  throw new CommunicationError({
    where,
    expected: `${launcher.size} ranks, as the launcher (${launcher.kind}) has started`,
    got: `${size} from ${library.path}`,
    remedy: 'the library and mpirun must be of one installation: name the other library in DIPTYCH_MPI',
  });
}
