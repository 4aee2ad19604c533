import { readModules } from './sentence-transformers.js';
import { checkSource, hasFile, readJsonValue, readText, type WeightSource } from './weight-source.js';

/**
 * The part of a source in which the model itself lies, where that is a folder of it: CLIP as sentence-transformers keeps it
 * (`0_CLIPModel`), and a folder of the hub's cache (`models--org--name`), which holds its files under a commit.
 *
 * @returns the source as it is where there is a `config.json` in it, or nothing of these
 */
export async function modelSource(source: WeightSource): Promise<WeightSource> {
  checkSource('weights.modelSource', source);
  if (await hasFile(source, 'config.json')) return source;
  const folder = (await folderOfModules(source)) ?? (await folderOfCommit(source));
  return folder === undefined ? source : insideOf(source, folder);
}

async function folderOfModules(source: WeightSource): Promise<string | undefined> {
  if (!(await hasFile(source, 'modules.json'))) return undefined;
  const [first] = readModules(`${source.name}/modules.json`, await readJsonValue(source, 'modules.json'));
  return first?.kind === 'CLIPModel' && first.path !== '' ? first.path.replace(/\/$/, '') : undefined;
}

/** A branch's commit: of `main`, or of the only branch. */
async function folderOfCommit(source: WeightSource): Promise<string | undefined> {
  const branches = (await source.list()).filter((file) => /^refs\/[^/]+$/.test(file));
  const branch = branches.length === 1 ? branches[0] : branches.find((file) => file === 'refs/main');
  return branch === undefined ? undefined : `snapshots/${(await readText(source, branch)).trim()}`;
}

/** The files below a folder, under names that begin there. */
function insideOf(source: WeightSource, folder: string): WeightSource {
  const start = `${folder}/`;
  return {
    name: `${source.name}/${folder}`,
    list: async () =>
      (await source.list()).filter((file) => file.startsWith(start)).map((file) => file.slice(start.length)),
    read: (path) => source.read(start + path),
    openTensors: (path) => source.openTensors(start + path),
  };
}
