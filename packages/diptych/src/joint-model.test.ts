import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TextFeatureHead, withHead } from '@diptych/train';
import {
  AttentionFusion,
  BagOfTokens,
  Classification,
  compose,
  JointModel,
  load,
  MultiModalEncoder,
  Regression,
  resize,
  resizeTokenEmbeddings,
  SmallCNN,
  save,
  scorePairs,
  tokenizer,
  toTensor,
} from 'diptych';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const WORDS = ['red', 'green', 'blue', 'round'];
const picture = (level: number) => ({ width: 8, height: 8, data: new Uint8Array(192).fill(level) });

let folder: string;
let model: JointModel;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-joint-'));
  const vocabulary = join(folder, 'vocab.txt');
  writeFileSync(vocabulary, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...WORDS].join('\n'));
  const words = tokenizer(vocabulary);
  model = new JointModel({
    encoder: new MultiModalEncoder({
      image: new SmallCNN({ embedDim: 8, imageSize: 8, channels: [4, 8], seed: 1 }),
      text: new BagOfTokens({ vocabSize: words.vocabSize, embedDim: 8, seed: 2 }),
      fusion: new AttentionFusion({ embedDim: 8, numHeads: 2, placeholders: true, seed: 3 }),
      heads: {
        kind: new Classification({ embedDim: 8, classes: ['dark', 'bright'], classWeights: [1, 2] }),
        level: new Regression({ embedDim: 8, on: 'image', outputs: 2 }),
      },
    }),
    transform: compose([resize([8, 8]), toTensor()]),
    tokenizer: words,
  });
});
afterAll(() => {
  model.dispose();
  rmSync(folder, { recursive: true });
});

const pictures = [picture(10), picture(120), picture(250)];
const texts = ['red round', 'green', 'blue blue round'];

describe('JointModel', () => {
  it('gives joint vectors, whatever the batches, and where the fusion looks', async () => {
    const whole = await model.embedPairs(pictures, texts);
    expect(whole.shape).toEqual([3, 8]);
    const one = await model.embedPairs(pictures, texts, { batchSize: 1 });
    for (const [i, value] of whole.data.entries()) expect(one.data[i]).toBeCloseTo(value, 5);
    const { pair } = await model.attention(pictures, texts);
    expect(pair!.shape).toEqual([3, 2, 2, 2]);
    expect(pair!.data[0]! + pair!.data[1]!).toBeCloseTo(1, 5);
    expect((await model.embedPairs([], [])).shape).toEqual([0, 8]);
  });

  it('matches any pictures with any texts', async () => {
    const items = await model.encodePairs(pictures, texts);
    const logits = await scorePairs(model.encoder, items, [2, 0], [0, 0]);
    const direct = await model.matchLogits([pictures[2]!, pictures[0]!], [texts[0]!, texts[0]!]);
    for (const [i, logit] of logits.entries()) expect(logit).toBeCloseTo(direct[i]!, 5);
  });

  it('goes on with a longer token table, and with a tokenizer that has more words', async () => {
    const text = new BagOfTokens({ vocabSize: model.tokenizer.vocabSize, embedDim: 8, seed: 2 });
    const encoder = new MultiModalEncoder({
      image: new SmallCNN({ embedDim: 8, imageSize: 8, channels: [4, 8] }),
      text,
    });
    const { transform } = model;
    const before = new JointModel({ encoder, transform, tokenizer: model.tokenizer });
    const vectors = await before.embedText(texts);
    const vocabulary = join(folder, 'more.txt');
    writeFileSync(vocabulary, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...WORDS, 'violet'].join('\n'));
    const longer = { encoder, transform, tokenizer: tokenizer(vocabulary) };
    expect(() => new JointModel(longer)).toThrow(/await resizeTokenEmbeddings\(text, 10\)/);
    await resizeTokenEmbeddings(text, longer.tokenizer.vocabSize);
    expect((await before.embedText(texts)).data).toEqual(vectors.data);
    const headed = withHead(text, new TextFeatureHead({ featureDim: 8, embedDim: 2 }));
    expect([headed.vocabSize, await resizeTokenEmbeddings(headed, 10), text.vocabSize]).toEqual([10, 10, 10]);
    const after = new JointModel(longer);
    expect((await after.embedText(['violet'])).data).not.toEqual((await before.embedText(['violet'])).data);
    after.dispose();
  });

  it('fuses what there is where the other side is missing', async () => {
    const alone = await model.embedPairs(pictures, undefined);
    expect(alone.shape).toEqual([3, 8]);
    expect(alone.toArray()).not.toEqual((await model.embedPairs(undefined, texts)).toArray());
  });

  it('keeps its heads when it is saved', async () => {
    const said = await model.predict(pictures, texts);
    expect(said.kind!.shape).toEqual([3, 2]);
    expect(said.level!.shape).toEqual([3, 2]);
    await save(join(folder, 'model'), model);
    const loaded = await load(join(folder, 'model'));
    const again = await loaded.predict(pictures, texts);
    for (const head of ['kind', 'level']) expect(again[head]!.toArray()).toEqual(said[head]!.toArray());
    expect(loaded.encoder.describe()).toEqual(model.encoder.describe());
    loaded.dispose();
  });

  it('refuses lists of different lengths', async () => {
    await expect(model.embedPairs(pictures, ['red'])).rejects.toThrow(/as many pictures as texts, got 3 and 1/);
    await expect(model.embedPairs(undefined, undefined)).rejects.toThrow(/no list and no list/);
  });
});
