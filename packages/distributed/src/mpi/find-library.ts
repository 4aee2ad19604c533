import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Dialect } from './dialects.js';
import { ancestorFolders, type Launcher } from './launcher.js';

/** A library that may be there: a path, or a name that the dynamic linker looks for. */
export interface LibraryCandidate {
  readonly path: string;
  readonly dialect: Dialect;
}

interface LibraryName extends LibraryCandidate {
  readonly kinds: readonly Launcher['kind'][];
}

/** By preference: the standard ABI first. */
const NAMES: readonly LibraryName[] = [
  { path: 'libmpi_abi.so.1', dialect: 'abi', kinds: ['hydra', 'slurm'] },
  { path: 'libmpi_abi.so.0', dialect: 'abi', kinds: ['hydra', 'slurm'] },
  { path: 'libmpi_abi.1.dylib', dialect: 'abi', kinds: ['hydra'] },
  { path: 'libmpi.so.12', dialect: 'mpich', kinds: ['hydra', 'slurm'] },
  { path: 'libmpich.so.12', dialect: 'mpich', kinds: ['hydra', 'slurm'] },
  { path: 'libmpi.12.dylib', dialect: 'mpich', kinds: ['hydra'] },
  { path: 'libmpi.so.40', dialect: 'openmpi', kinds: ['openmpi', 'slurm'] },
  { path: 'libmpi.40.dylib', dialect: 'openmpi', kinds: ['openmpi'] },
];

/**
 * The dialect of a library, by its file's name: `libmpi_abi`, or the version in `libmpi.so.12` and `libmpi.so.40`.
 *
 * @returns undefined where the name says nothing, as `libmpi.so` does
 */
export function dialectOf(path: string): Dialect | undefined {
  const name = basename(path);
  if (/^libmpi_abi\b/.test(name)) return 'abi';
  if (/^libmpich\b/.test(name)) return 'mpich';
  const version = /^libmpi\.(?:so\.(\d+)|(\d+)\.dylib)/.exec(name);
  const major = Number(version?.[1] ?? version?.[2]);
  return major === 12 ? 'mpich' : major === 40 ? 'openmpi' : undefined;
}

/**
 * Libraries to try for a launcher, best first: those that lie beside it, then those that the dynamic linker knows.
 *
 * @param folders of the programs that this process descends from
 */
export function candidatesFor(
  kind: Launcher['kind'],
  folders: readonly string[] = ancestorFolders(),
): LibraryCandidate[] {
  const names = NAMES.filter(({ kinds }) => kinds.includes(kind));
  const beside = folders.flatMap((folder) => librariesIn(join(dirname(folder), 'lib'), names));
  return [...beside, ...names.map(({ path, dialect }) => ({ path, dialect }))];
}

/** Libraries in a folder, or in the `lib` of an installation: of a Python environment into which a wheel was installed, too. */
export function librariesIn(folder: string, names: readonly LibraryCandidate[] = NAMES): LibraryCandidate[] {
  return [folder, join(folder, 'lib')].flatMap((place) =>
    names.flatMap(({ path, dialect }) => {
      const file = join(place, path);
      return existsSync(file) && statSync(file).isFile() ? [{ path: file, dialect }] : [];
    }),
  );
}
