// Fails where source files import each other in a circle. Imports of types count: a circle of types is two files that cannot be read
// one after the other. Resolves as TypeScript does; tests are left out.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '..');
const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);

const folders = ['packages', 'apps'].flatMap((group) =>
  readdirSync(join(root, group)).map((name) => join(root, group, name, 'src')),
);
const files = folders
  .filter((folder) => ts.sys.directoryExists(folder))
  .flatMap((folder) => ts.sys.readDirectory(folder, ['.ts']))
  .filter((file) => !/\.(test|d)\.ts$/.test(file));
const known = new Set(files);

/** Files of the repository that a file imports. */
function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
  return importedFiles.flatMap(({ fileName }) => {
    const found = ts.resolveModuleName(fileName, file, options, ts.sys).resolvedModule?.resolvedFileName;
    return found && known.has(found) ? [found] : [];
  });
}

const imports = new Map(files.map((file) => [file, importsOf(file)]));

/** Groups of files each of which reaches all others (Tarjan 1972), but for files on their own. */
function circles() {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (file) => {
    index.set(file, index.size);
    low.set(file, index.get(file));
    stack.push(file);
    for (const next of imports.get(file)) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file), low.get(next)));
    }
    if (low.get(file) !== index.get(file)) return;
    const group = stack.splice(stack.indexOf(file));
    if (group.length > 1 || imports.get(file).includes(file)) found.push(group);
  };
  for (const file of files) if (!index.has(file)) visit(file);
  return found;
}

/** One way round, through files of a group. */
function wayRound(group) {
  const path = [group[0]];
  while (!path.slice(0, -1).includes(path.at(-1))) {
    const here = path.at(-1);
    path.push(imports.get(here).find((next) => group.includes(next)));
  }
  return path.slice(path.indexOf(path.at(-1))).map((file) => relative(root, file));
}

const found = circles();
for (const group of found) console.error(`circle of ${group.length} files: ${wayRound(group).join(' -> ')}`);
console.log(`${files.length} files, ${found.length} circles of imports`);
process.exitCode = found.length > 0 ? 1 : 0;
