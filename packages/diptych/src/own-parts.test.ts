import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { buildPart, type JsonObject, type PairBatch, registerKinds } from '@diptych/core';
import { DataLoader, type PairSource, pairs } from '@diptych/data';
import { Generator } from '@diptych/nn';
import { compose, resize, toTensor, kinds as transforms } from '@diptych/preprocess/image';
import {
  encoderChecks,
  fusionChecks,
  headChecks,
  imageTransformChecks,
  optimizerChecks,
  randomNormal,
  runChecks,
  sourceChecks,
  tokenizerChecks,
} from '@diptych/testing';
import { BagOfTokens } from '@diptych/text';
import { InfoNCE, LabelLoss, MultiModalEncoder, Trainer, WeightedSum } from '@diptych/train';
import { FolderCheckpoints } from '@diptych/train/node';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Choice, EMBED_DIM, firstColours, inverted, kinds, letters, product, SignDescent } from '../test/own-parts.js';
import { load, save } from './index.js';

// Parts of one's own of every kind, registered once, keep their contracts, are saved, loaded in another process, and built in threads.

const ROOT = resolve(import.meta.dirname, '../../..');
let folder: string;
const built = (name: string) => join(folder, `${name}.mjs`);

beforeAll(async () => {
  // inside the repository, so that what is left out of the bundles is found
  const cache = join(ROOT, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'diptych-own-'));
  const entry = (path: string) => resolve(import.meta.dirname, path);
  await build({
    entryPoints: {
      parts: entry('../test/own-parts-worker.ts'),
      child: entry('../test/own-parts-child.ts'),
      worker: entry('../../data/src/worker.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['onnxruntime-node', 'onnxruntime-common', 'sharp', 'piscina'],
    ignoreAnnotations: true,
    tsconfig: join(ROOT, 'tsconfig.base.json'),
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'error',
  });
  // in a bundle: threads import no TypeScript
  registerKinds({ ...kinds, ...transforms }, pathToFileURL(built('parts')));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const picture = (i: number) => ({
  data: new Uint8Array(10 * 12 * 3).map((_, at) => (at * (i + 2)) % 256),
  width: 10,
  height: 12,
});
const items = Array.from({ length: 12 }, (_, i) => ({
  id: `item ${i}`,
  image: picture(i),
  text: 'abcdefghijkl'.slice(i % 5, (i % 5) + 3 + (i % 4)),
  labels: { kind: i % 3 },
}));
const transform = compose([inverted({ share: 0.5 }), resize([8, 8], 'bilinear'), toTensor()]);
const tokenizer = letters({ maxLength: 8 });
const choice = () => new Choice({ embedDim: EMBED_DIM, classes: 3, seed: 5 });
const model = () =>
  new MultiModalEncoder({
    image: firstColours(),
    text: new BagOfTokens({ vocabSize: tokenizer.vocabSize, embedDim: EMBED_DIM, seed: 1 }),
    fusion: product(),
    matcher: false,
    heads: { kind: choice() },
  });
const source = (): PairSource => pairs(items, { labels: { kind: 'class' } });
const loader = (workers: number) =>
  new DataLoader(source(), {
    transform,
    tokenizer,
    batchSize: 4,
    workers,
    shuffle: true,
    workerFile: built('worker'),
    quarantine: false,
    strict: true,
  });

/** The same parts as descriptions build them. */
const again = <Part>(description: { kind: string; options: JsonObject }) =>
  buildPart<Part>(JSON.parse(JSON.stringify(description)), { where: 'test', kinds: {} });

describe('keep their contracts:', () => {
  const input = (size: number, seed: number) => randomNormal<never>([size, 8, 8, 3], seed);
  it.each([
    ['encoder', encoderChecks({ create: firstColours, input })],
    ['fusion', fusionChecks({ create: product })],
    [
      'head',
      headChecks({
        create: choice,
        labels: (rows, seed) => Int32Array.from({ length: rows }, (_, i) => (i + seed) % 3),
      }),
    ],
    ['tokenizer', tokenizerChecks({ create: () => letters({ maxLength: 64 }) })],
    ['transform', imageTransformChecks({ create: () => transform })],
    ['optimizer', optimizerChecks({ create: (options) => new SignDescent(options), learningRate: 0.01 })],
    ['source', sourceChecks({ create: source })],
  ])('%s', async (_, checks) => {
    expect((await runChecks(checks)).map(({ name, error }) => `${name}: ${error}`)).toEqual([]);
  });
});

it('are sent to worker threads, and give there what they give here', async () => {
  const read = async (workers: number) => {
    const batches: PairBatch[] = [];
    const made = loader(workers);
    for await (const batch of made.epoch(1)) batches.push(structuredClone(batch));
    await made.close();
    return batches;
  };
  expect(await read(2)).toEqual(await read(0));
});

describe('in files', () => {
  let run: string;
  let saved: string;
  const pathsIn = (path: string): string[] =>
    readdirSync(path, { recursive: true, encoding: 'utf8' })
      .map((name) => join(path, name))
      .filter((name) => statSync(name).isFile());
  let expected: { image: number[]; text: number[]; chosen: number[] };

  beforeAll(async () => {
    [run, saved] = [join(folder, 'run'), join(folder, 'saved')];
    const encoder = model();
    const loss = new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'labels', loss: new LabelLoss() },
    ]);
    const optimizer = new SignDescent({ learningRate: 1e-3, groups: { text: { learningRate: 1e-4 } } });
    const trainer = new Trainer(encoder, { loss, optimizer });
    const batches = loader(0);
    await trainer.fit(batches, { epochs: 2, checkpoint: run, onEvent: () => {} });
    await save(saved, { encoder, transform, tokenizer });
    const own = await load(saved);
    const plain = { data: new Uint8Array(8 * 8 * 3).fill(90), width: 8, height: 8 };
    expected = {
      image: [...(await own.embedImages([plain])).data],
      text: [...(await own.embedText(['abc'])).data],
      chosen: [...(await own.predict([plain], ['abc'])).kind!.data],
    };
    own.dispose();
    trainer.dispose();
  });

  const elsewhere = async (path: string, parts: 'parts' | 'none') => {
    const { stdout } = await promisify(execFile)(process.execPath, [built('child'), path, parts]);
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as typeof expected & { error?: string };
  };

  it('are loaded by another process that imports their module, of a model as of a run', async () => {
    for (const path of [saved, run]) {
      const found = await elsewhere(path, 'parts');
      expect(found.chosen).toEqual(expected.chosen);
      for (const side of ['image', 'text'] as const) {
        for (const [i, value] of found[side].entries()) expect(value).toBeCloseTo(expected[side][i]!, 5);
      }
    }
  });

  it('are all named at once, with the remedy, to one that does not', async () => {
    const { error } = await elsewhere(saved, 'none');
    for (const kind of ['own/inverted', 'own/letters', 'own/colours', 'own/product', 'own/choice']) {
      expect(error).toContain(`'${kind}': (options) => …`);
    }
    expect(error).toMatch(
      /got own\/inverted, own\/letters, own\/colours, own\/product, own\/choice; import the module that defines them/,
    );
  });

  it('leave no absolute path, neither of their module nor of this machine', () => {
    const files = [...pathsIn(saved), ...pathsIn(run)];
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) {
      const content = readFileSync(file, 'latin1');
      for (const path of [ROOT, folder, tmpdir(), 'file://', process.cwd()]) expect(content, file).not.toContain(path);
    }
  });

  it('say how the run was trained, and are built again from that', async () => {
    const snapshot = await new FolderCheckpoints(join(run, 'checkpoints')).load('latest');
    const { optimizer } = snapshot!.state.settings as { optimizer: { kind: string; options: JsonObject } };
    expect(optimizer).toEqual({
      kind: 'own/sign-descent',
      options: { learningRate: 1e-3, groups: { text: { learningRate: 1e-4 } } },
    });
    expect(again<SignDescent>(optimizer)).toBeInstanceOf(SignDescent);
    expect(new Generator(1)).toBeDefined();
  });
});
