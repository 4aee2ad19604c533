import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as d from 'diptych';
import { afterAll, beforeAll, expect, it } from 'vitest';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-load-run-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const colours = { red: [230, 20, 20], green: [20, 200, 40], blue: [30, 40, 220], white: [250, 250, 250] };
const picture = (rgb: number[]) => ({
  width: 16,
  height: 16,
  data: Uint8Array.from({ length: 768 }, (_, i) => rgb[i % 3]!),
});

it('loads a folder that fit wrote, from its best checkpoint, with the vocabulary gone', {
  timeout: 60_000,
}, async () => {
  const vocabulary = join(folder, 'vocab.txt');
  writeFileSync(vocabulary, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...Object.keys(colours)].join('\n'));
  const source = d.pairs(Object.entries(colours).map(([text, rgb]) => ({ image: picture(rgb), text })));
  const transform = d.compose([d.resize([16, 16], 'bicubic'), d.toTensor(), d.normalize('half')]);
  const tokenizer = d.tokenizer(vocabulary);
  const encoder = new d.MultiModalEncoder({
    image: new d.SmallCNN({ embedDim: 8, imageSize: 16, channels: [4] }),
    text: new d.BagOfTokens({ vocabSize: tokenizer.vocabSize, embedDim: 8 }),
    fusion: new d.AttentionFusion({ embedDim: 8, numHeads: 2 }),
  });
  const loss = new d.WeightedSum([
    { name: 'contrastive', loss: new d.InfoNCE() },
    { name: 'matching', loss: new d.ImageTextMatching() },
  ]);
  const trainer = new d.Trainer(encoder, { loss, optimizer: new d.AdamW({ learningRate: 1e-2 }) });
  const run = join(folder, 'run');
  const scores = [0.1, 0.9, 0.2];
  const best: number[][] = [];
  await trainer.fit(new d.DataLoader(source, { transform, tokenizer, batchSize: 4 }), {
    epochs: 3,
    checkpoint: run,
    validate: {
      run: async () => {
        const text = await new d.JointModel({ encoder, transform, tokenizer }).embedText(['red', 'blue']);
        best.push([...text.data]);
        return { score: scores[best.length - 1]! };
      },
      monitor: 'score',
    },
  });
  rmSync(vocabulary);
  const loaded = await d.load(run);
  expect([...(await loaded.embedText(['red', 'blue'])).data]).toEqual(best[1]);
  expect(await loaded.match(picture(colours.red), 'red')).toBeGreaterThan(0);
  loaded.dispose();

  truncateSync(join(run, 'checkpoints', 'step-000000002', 'tokenizer', 'vocab.txt'), 3);
  const last = await d.load(run);
  expect([...(await last.embedText(['red', 'blue'])).data]).toEqual(best[2]);
  last.dispose();
  trainer.dispose();
  encoder.dispose();
});

it('says what is missing where the checkpoints do not tell how things are built', async () => {
  const encoder = new d.MultiModalEncoder({
    image: new d.SmallCNN({ embedDim: 8, imageSize: 8, channels: [4] }),
    text: new d.BagOfTokens({ vocabSize: 9, embedDim: 8 }),
  });
  const batch = {
    size: 2,
    pixels: { data: new Float32Array(384), shape: [2, 8, 8, 3] },
    tokens: { shape: [2, 1], inputIds: Int32Array.of(1, 2), attentionMask: Int32Array.of(1, 1) },
    ids: ['a', 'b'],
  };
  const run = join(folder, 'plain');
  await new d.Trainer(encoder, { loss: new d.InfoNCE() }).fit([batch], { steps: 1, checkpoint: run });
  await expect(d.load(run)).rejects.toThrow(/none of transform and tokenizer; train from a DataLoader/);
});
