// Fails where source files import each other in a circle, or packages depend on each other in one. Imports of types count: a circle
// of types is two files that cannot be read one after the other. Files are resolved as TypeScript does; tests are left out. Packages
// depend as turbo sees it, which builds none of a circle: dependencies, devDependencies and optionalDependencies on other workspaces.
//
//   node tooling/check-circles.mjs [root]
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));

/** Folders of the workspaces. */
const workspaces = ['packages', 'apps'].flatMap((group) =>
  existsSync(join(root, group)) ? readdirSync(join(root, group)).map((name) => join(root, group, name)) : [],
);

/** What each source file imports of the others. */
function importsOfFiles() {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const files = workspaces
    .map((folder) => join(folder, 'src'))
    .filter((folder) => ts.sys.directoryExists(folder))
    .flatMap((folder) => ts.sys.readDirectory(folder, ['.ts']))
    .filter((file) => !/\.(test|d)\.ts$/.test(file));
  const known = new Set(files);
  const importsOf = (file) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
    return importedFiles.flatMap(({ fileName }) => {
      const found = ts.resolveModuleName(fileName, file, options, ts.sys).resolvedModule?.resolvedFileName;
      return found && known.has(found) ? [found] : [];
    });
  };
  return new Map(files.map((file) => [file, importsOf(file)]));
}

/** What each package needs built before it. */
function needsOfPackages() {
  const manifests = workspaces
    .map((folder) => join(folder, 'package.json'))
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const names = new Set(manifests.map(({ name }) => name));
  const needsOf = ({ dependencies, devDependencies, optionalDependencies }) =>
    Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies }).filter((name) => names.has(name));
  return new Map(manifests.map((manifest) => [manifest.name, needsOf(manifest)]));
}

/** Groups each of whose members reaches all others (Tarjan 1972), but for members on their own. */
function circlesOf(graph) {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (node) => {
    index.set(node, index.size);
    low.set(node, index.get(node));
    stack.push(node);
    for (const next of graph.get(node)) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== index.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    if (group.length > 1 || graph.get(node).includes(node)) found.push(group);
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return found;
}

/** One way round, through members of a group. */
function wayRound(graph, group) {
  const path = [group[0]];
  while (!path.slice(0, -1).includes(path.at(-1))) {
    const here = path.at(-1);
    path.push(graph.get(here).find((next) => group.includes(next)));
  }
  return path.slice(path.indexOf(path.at(-1)));
}

/** Says each circle of a graph; gives their number. */
function report(graph, what, nameOf) {
  const circles = circlesOf(graph);
  for (const group of circles) {
    console.error(`circle of ${group.length} ${what}: ${wayRound(graph, group).map(nameOf).join(' -> ')}`);
  }
  return circles.length;
}

const files = importsOfFiles();
const packages = needsOfPackages();
const ofFiles = report(files, 'files', (file) => relative(root, file));
const ofPackages = report(packages, 'packages', (name) => name);
console.log(`${files.size} files, ${ofFiles} circles of imports; ${packages.size} packages, ${ofPackages} circles`);
process.exitCode = ofFiles + ofPackages > 0 ? 1 : 0;
