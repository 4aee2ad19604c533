import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as core from '@diptych/core';
import * as fusion from '@diptych/fusion';
import * as metrics from '@diptych/metrics';
import { Bert, type BertOptions } from '@diptych/text';
import * as train from '@diptych/train';
import * as trainNode from '@diptych/train/node';
import { ResNet, type ResNetOptions } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sourceOf, tinyBatches } from '../test/tiny-model.js';

const page = readFileSync(resolve(import.meta.dirname, '../../../docs/train.md'), 'utf8');
/** The page's examples under their headings. */
const examples = page.split(/^#+ /m).flatMap((section) => {
  const [heading] = section.split('\n');
  return [...section.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => ({ heading, code: code! }));
});

/** The page's towers, in small. */
class SmallResNet extends ResNet {
  constructor(_: string, options?: ResNetOptions) {
    super({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 4 }, options);
  }
}
class SmallBert extends Bert {
  constructor(_: string, options?: BertOptions) {
    const sizes = { vocabSize: 20, hiddenSize: 8, intermediateSize: 8, maxPositions: 16, typeVocabSize: 2 };
    super({ ...sizes, numLayers: 1, numHeads: 2 }, options);
  }
}

const describable = { describe: () => ({ kind: 'test/part', options: {} }) };

/** What the examples take for granted. */
function scope() {
  const batches = tinyBatches(3, 4);
  const model = new train.MultiModalEncoder({
    image: new SmallResNet('', { embedDim: 16 }),
    text: new SmallBert('', { embedDim: 16 }),
    fusion: new fusion.AttentionFusion({ embedDim: 16, numHeads: 2, normalize: true }),
  });
  const towers = new train.MultiModalEncoder({
    image: new SmallResNet('', { embedDim: 16 }),
    text: new SmallBert('', { embedDim: 16 }),
  });
  const loss = new train.WeightedSum<core.FusedOutputs>([
    { name: 'contrastive', loss: new train.InfoNCE() },
    { name: 'matching', loss: new train.ImageTextMatching() },
  ]);
  const ids = batches.flatMap((batch) => batch.ids);
  const random = (seed: number) => ({
    data: Float32Array.from({ length: 12 * 5 }, (_, i) => Math.sin(seed + i * i)),
    shape: [12, 5],
  });
  return {
    ...core,
    ...fusion,
    ...metrics,
    ...train,
    ...trainNode,
    tf,
    ResNet: SmallResNet,
    Bert: SmallBert,
    model,
    towers,
    trainer: new train.Trainer(model, { loss }),
    loss,
    loader: sourceOf(batches),
    heldOutLoader: sourceOf(tinyBatches(2, 4, { seed: 6 })),
    trainingPairsInOrder: sourceOf(batches),
    ids,
    captions: ids,
    tokenizer: {
      ...describable,
      encode: (texts: string[]) => ({
        shape: [texts.length, 3],
        inputIds: new Int32Array(texts.length * 3).fill(2),
        attentionMask: new Int32Array(texts.length * 3).fill(1),
      }),
    },
    transform: describable,
    checkpoint: undefined,
    resnet: new SmallResNet(''),
    bert: new SmallBert(''),
    teacherImages: random(1),
    teacherTexts: random(2),
  };
}

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-docs-'));
  await tf.setBackend('onnxruntime');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The example with few steps, narrow vectors, and files where they can be removed. */
function inSmall(code: string): string {
  return code
    .replace(/^import .*$/gm, '')
    .replaceAll("'runs/", `'${folder}/`)
    .replace(/\b(epochs|steps|everyEpochs): \d+/g, '$1: 2')
    .replace(/\bembedDim: \d+/g, 'embedDim: 16')
    .replace(/\bbatchSize: \d+/g, 'batchSize: 4');
}

describe('docs/train.md', () => {
  it("has the README's optimizer", () => {
    const readme = readFileSync(resolve(import.meta.dirname, '../README.md'), 'utf8');
    const [optimizer] = /class Lion[\s\S]*?\n\}\) \{\}\n/.exec(readme)!;
    expect(page).toContain(optimizer);
    expect(optimizer.trim().split('\n').length).toBeLessThan(20);
  });

  it('has an example a concept', () => expect(examples.length).toBeGreaterThanOrEqual(16));

  it.each(examples)('$heading', { timeout: 60_000 }, async ({ code }) => {
    const [log, warn] = [vi.spyOn(console, 'log'), vi.spyOn(console, 'warn')];
    for (const spy of [log, warn]) spy.mockImplementation(() => {});
    const known = scope();
    const { code: body } = await transform(`{ ${inSmall(code)} }`, { loader: 'ts', target: 'es2022' });
    const run = new Function(...Object.keys(known), `return (async () => ${body})()`);
    await expect(run(...Object.values(known))).resolves.toBeUndefined();
    known.trainer.dispose();
    vi.restoreAllMocks();
  });
});
