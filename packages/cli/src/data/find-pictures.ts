import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { DataError, type PairRecord, type PairSource, plainRead, type ReadContext } from '@diptych/data';

/**
 * A table whose pictures are looked for where people have them: beside it, in a folder below (`Images/`), or in one beside its own
 * (`train2017/` beside `annotations/`); under names of other capitals, and without the ending that a column of ids leaves out.
 *
 * @param open the table, its paths counted from a folder; without one from its own
 */
export function findPictures(table: string, open: (root?: string) => PairSource): PairSource {
  const plain = open();
  let chosen: Promise<PairSource> | undefined;
  return {
    ...plain,
    read: async function* (context: ReadContext) {
      chosen ??= rootedAt(table, plain, open);
      const reject = (error: DataError) => context.reject(forCommands(error));
      const names = new Names();
      for await (const record of (await chosen).read({ ...context, reject })) yield names.find(record);
    },
  };
}

async function rootedAt(table: string, plain: PairSource, open: (root?: string) => PairSource): Promise<PairSource> {
  const first = await firstFile(plain);
  if (first === undefined || new Names().nearest(first) !== undefined) return plain;
  const own = dirname(table);
  const way = relative(own, first);
  const root = foldersAround(own).find((folder) => new Names().nearest(join(folder, way)) !== undefined);
  return root === undefined ? plain : open(root);
}

/** The path of the first picture that a table names. */
async function firstFile(source: PairSource): Promise<string | undefined> {
  for await (const { image } of source.read(plainRead(() => {}))) return image.kind === 'file' ? image.path : undefined;
  return undefined;
}

/** Most folders that are looked into. */
const MOST = 500;

/** Folders below, two deep, and those beside. */
function foldersAround(folder: string): string[] {
  const below = foldersIn(folder);
  const beside = foldersIn(dirname(folder)).filter((path) => path !== folder);
  return [...below, ...below.flatMap(foldersIn), ...beside].slice(0, MOST);
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => join(folder, name));
  } catch {
    return []; // one that may not be read
  }
}

const ENDINGS = ['.jpg', '.jpeg', '.png', '.webp'];

/** Files under names that are nearly the ones asked for. */
class Names {
  /** Of a folder: what its files are called, by their names in small letters. */
  readonly #folders = new Map<string, ReadonlyMap<string, readonly string[]>>();

  find(record: PairRecord): PairRecord {
    const { image } = record;
    if (image.kind !== 'file') return record;
    const path = this.nearest(image.path);
    return path === undefined || path === image.path ? record : { ...record, image: { ...image, path } };
  }

  /** The file itself, or the only one whose name differs in capitals, in how an accent is written, or by the ending alone. */
  nearest(path: string): string | undefined {
    if (isFile(path)) return path;
    const names = this.#namesIn(dirname(path));
    const name = folded(basename(path));
    const asked = extname(name) === '' || !ENDINGS.includes(extname(name)) ? ENDINGS.map((end) => name + end) : [];
    const found = [name, ...asked].flatMap((one) => names.get(one) ?? []);
    return found.length === 1 ? join(dirname(path), found[0]!) : undefined;
  }

  #namesIn(folder: string): ReadonlyMap<string, readonly string[]> {
    const known = this.#folders.get(folder);
    if (known) return known;
    const names = new Map<string, string[]>();
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const key = folded(name);
      names.set(key, [...(names.get(key) ?? []), name]);
    }
    this.#folders.set(folder, names);
    return names;
  }
}

const folded = (name: string): string => name.normalize('NFC').toLowerCase();

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** The remedies of the library's options, as flags. */
const REMEDIES: Readonly<Record<string, string>> = {
  'missing-key': 'name the columns: --columns picture,caption (columns of diptych.config.ts)',
  'outside-root': 'name the folder that holds all pictures: --pictures folder (pictures of diptych.config.ts)',
  'missing-file': 'check the path; where pictures lie elsewhere, --pictures names the folder that paths start from',
};

function forCommands(error: DataError): DataError {
  const remedy = REMEDIES[error.reason];
  if (remedy === undefined) return error;
  const { expected, got, problem, origin, reason } = error;
  return new DataError(reason, origin, { expected, got, problem, remedy }, { cause: error });
}
