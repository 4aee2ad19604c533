// Every `ts` block of the READMEs and docs compiles as a user's own file does: under `strict`, as a module of its own, with both of
// the resolutions that projects use. This is against the sources, in seconds; tooling/check-docs.mjs does the same in an empty project with
// the packed packages, and runs them.
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { blocksOf, pages } from '../tooling/docs/blocks.mjs';

const root = resolve(import.meta.dirname, '..');

/** Every block with the file that it stands in, in the folder of the tests, where packages resolve as they do for them. */
const blocks = pages()
  .flatMap(blocksOf)
  .map(({ page, line, source }) => ({
    where: `${page}:${line}`,
    path: join(root, 'tests', `${page.replaceAll(/\W/g, '-')}-${line}.mts`),
    source,
  }));

/** What the compiler says of each block, by place, with the line in the page. */
function complaints(resolution: Pick<ts.CompilerOptions, 'module' | 'moduleResolution'>): Map<string, string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const own = new Map(blocks.map(({ path, source }) => [path, source]));
  const { readFile, fileExists } = host;
  host.readFile = (path) => own.get(path) ?? readFile(path);
  host.fileExists = (path) => own.has(path) || fileExists(path);
  const program = ts.createProgram(
    [...own.keys(), join(root, 'tooling/docs/readers-own.mts')],
    {
      ...options,
      ...resolution,
      strict: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      verbatimModuleSyntax: false,
      isolatedModules: false,
      moduleDetection: ts.ModuleDetectionKind.Force,
    },
    host,
  );
  return new Map(
    blocks.map(({ where, path }) => {
      const file = program.getSourceFile(path)!;
      const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
      return [
        where,
        found.map(({ start = 0, messageText }) => {
          const { line } = file.getLineAndCharacterOfPosition(start);
          return `line ${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
        }),
      ];
    }),
  );
}

describe.each([
  ['bundler', { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }],
  ['nodenext', { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }],
])('ts blocks of the docs, %s', (_, resolution) => {
  const found = complaints(resolution);
  it.each(blocks.map(({ where }) => where))('%s compiles', (where) => {
    expect(found.get(where)).toEqual([]);
  });
});
