// Every `ts` block of the READMEs and docs compiles as a user's own file does: under `strict`, as a module of its own, with both of
// the resolutions that projects use. A block that cannot stand alone (a signature) is marked `ts ignore`.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

interface Block {
  /** `docs/train.md:12`, the line of the fence. */
  readonly where: string;
  readonly path: string;
  readonly source: string;
}

function pages(): string[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`);
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...packages, ...docs.map((name) => `docs/${name}`)];
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length;
    // in the folder of the tests, where packages resolve as they do for them
    const path = join(root, 'tests', `${page.replaceAll(/\W/g, '-')}-${line}.mts`);
    return { where: `${page}:${line}`, path, source: match[1]! };
  });
}

/** What is the reader's own in blocks that go on from an earlier one of their page. A block's own names go before these. */
const READERS_OWN = `
import type { FusedOutputs } from '@diptych/core';
import type { DataLoader } from '@diptych/data';
import type { AttentionFusion } from '@diptych/fusion';
import type { ImagePipeline } from '@diptych/preprocess/image';
import type { TextTokenizer } from '@diptych/preprocess/text';
import type { Bert } from '@diptych/text';
import type { MultiModalEncoder, Trainer, WeightedSum } from '@diptych/train';
import type { FolderCheckpoints } from '@diptych/train/node';
import type { ResNet } from '@diptych/vision';
import type { Matrix } from 'diptych';
import type { Tensor } from '@tensorflow/tfjs-core';

declare global {
  const model: MultiModalEncoder<AttentionFusion>;
  const towers: MultiModalEncoder;
  const resnet: ResNet;
  const bert: Bert;
  const transform: ImagePipeline;
  const tokenizer: TextTokenizer;
  const loader: DataLoader;
  const heldOut: DataLoader;
  const heldOutLoader: DataLoader;
  const trainingPairsInOrder: DataLoader;
  const trainer: Trainer<FusedOutputs>;
  const loss: WeightedSum<FusedOutputs>;
  const checkpoint: FolderCheckpoints;
  const image: Matrix;
  const text: Matrix;
  const teacherImages: Matrix;
  const teacherTexts: Matrix;
  const ids: readonly string[];
  const captions: readonly string[];
  const input: Tensor;
}
`;

const blocks = pages().flatMap(blocksOf);

/** What the compiler says of each block, by place, with the line in the page. */
function complaints(resolution: Pick<ts.CompilerOptions, 'module' | 'moduleResolution'>): Map<string, string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const own = new Map([
    ...blocks.map(({ path, source }) => [path, source] as const),
    [join(root, 'tests/readers-own.d.mts'), READERS_OWN],
  ]);
  const { readFile, fileExists } = host;
  host.readFile = (path) => own.get(path) ?? readFile(path);
  host.fileExists = (path) => own.has(path) || fileExists(path);
  const program = ts.createProgram(
    [...own.keys()],
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
