import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AttentionFusion,
  BagOfTokens,
  CoAttentionFusion,
  centerCrop,
  compose,
  flipHorizontally,
  type ImagePipeline,
  JointModel,
  letterbox,
  MultiModalEncoder,
  normalize,
  resize,
  SmallCNN,
  type TextTokenizer,
  tokenizer,
  toTensor,
} from 'diptych';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seenRegion } from './seen-region.js';
import { wordsOf } from './word-attention.js';

const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'red', 'round', '##ed', 'cat', '猫', '犬', '##s', "'", ','];
let folder: string;
let words: TextTokenizer;
const models: JointModel[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-words-'));
  const vocabulary = join(folder, 'vocab.txt');
  writeFileSync(vocabulary, VOCABULARY.join('\n'));
  words = tokenizer(vocabulary);
});
afterAll(() => {
  for (const model of models) model.dispose();
  rmSync(folder, { recursive: true });
});

function modelWith(fusion: AttentionFusion | CoAttentionFusion | undefined, maxLength = 16): JointModel {
  const model = new JointModel({
    encoder: new MultiModalEncoder({
      image: new SmallCNN({ embedDim: 8, imageSize: 16, channels: [4, 8], seed: 1 }),
      text: new BagOfTokens({ vocabSize: words.vocabSize, embedDim: 8, seed: 2 }),
      ...(fusion && { fusion }),
    }),
    transform: compose([resize([16, 16]), toTensor()]),
    tokenizer: words,
    tokenize: { maxLength, padToMultipleOf: 8 },
  });
  models.push(model);
  return model;
}

describe('words of a text', () => {
  it.each([
    [
      'red cats',
      [
        ['red', 1, 2],
        ['cats', 2, 4],
      ],
    ],
    [
      'Rounded, red!',
      [
        ['Rounded', 1, 3],
        ['red', 4, 5],
      ],
    ],
    [
      '猫犬',
      [
        ['猫', 1, 2],
        ['犬', 2, 3],
      ],
    ],
    ['?', []],
    ['', []],
  ])('%j have their tokens', (text, expected) => {
    // which of the two Chinese characters are a word depends on the version of ICU
    const found = wordsOf(text, words, { maxLength: 16 }).flatMap(({ text: word, first, last }) =>
      word === '猫犬'
        ? [
            ['猫', first, first + 1],
            ['犬', first + 1, last],
          ]
        : [[word, first, last]],
    );
    expect(found).toEqual(expected);
  });

  it('end where the text is cut', () => {
    const found = wordsOf('red round cats', words, { maxLength: 5 });
    expect(found.map(({ text, first, last }) => [text, first, last])).toEqual([
      ['red', 1, 2],
      ['round', 2, 3],
      ['cats', 3, 4],
    ]);
  });
});

describe('attention by word', () => {
  it('is the mean of the maps that count, on the grid of the picture', async () => {
    const model = modelWith(new CoAttentionFusion({ embedDim: 8, numHeads: 2, numLayers: 2, seed: 3 }));
    const picture = { width: 20, height: 10, data: Uint8Array.from({ length: 600 }, (_, i) => (i * 37) % 256) };
    expect(model.attendsByWord).toBe(true);
    const found = await model.attentionByWord(picture, 'red cats');
    expect(found.words).toEqual([
      { text: 'red', start: 0, end: 3 },
      { text: 'cats', start: 4, end: 8 },
    ]);
    expect([found.rows, found.columns]).toEqual([4, 4]);
    const { 'layer0.textToImage': map } = await model.attention([picture], ['red cats']);
    const [, heads, queries, keys] = map!.shape as [number, number, number, number];
    const at = (head: number, token: number, part: number) =>
      map!.data[(head * queries + 1 + token) * keys + 1 + part]!;
    for (let part = 0; part < 16; part++) {
      const red = (at(0, 1, part) + at(1, 1, part)) / heads;
      const cats = (at(0, 2, part) + at(1, 2, part) + at(0, 3, part) + at(1, 3, part)) / (2 * heads);
      expect(found.maps.row(0)[part]).toBeCloseTo(red, 6);
      expect(found.maps.row(1)[part]).toBeCloseTo(cats, 6);
    }
    const sum = found.maps.row(0).reduce((all, share) => all + share, 0);
    expect(sum).toBeGreaterThan(0.5);
    expect(sum).toBeLessThan(1);
  });

  it('says why there is none', async () => {
    const picture = { width: 8, height: 8, data: new Uint8Array(192) };
    const pooled = modelWith(new AttentionFusion({ embedDim: 8, numHeads: 2 }));
    expect(pooled.attendsByWord).toBe(false);
    await expect(pooled.attentionByWord(picture, 'red')).rejects.toThrow(
      /parts of the picture, got fusion\/attention, which has no such maps; train with fusion: new CoAttentionFusion/,
    );
    await expect(modelWith(undefined).attentionByWord(picture, 'red')).rejects.toThrow(/a model without a fusion/);
    const model = modelWith(new CoAttentionFusion({ embedDim: 8, numHeads: 2 }));
    await expect(model.attentionByWord(picture, '…')).rejects.toThrow(/a text with words, got "…"/);
  });
});

describe('the part of a picture that is seen', () => {
  it.each<[string, () => ImagePipeline, [number, number, number, number]]>([
    ['all, resized', () => compose([resize([32, 32]), toTensor()]), [0, 0, 1, 1]],
    ['a crop', () => compose([resize(32), centerCrop(32), toTensor(), normalize('imagenet')]), [0.25, 0, 0.75, 1]],
    ['all, with bars', () => compose([letterbox(32), toTensor(), normalize('clip')]), [0, -0.5, 1, 1.5]],
    [
      'all, mirrored',
      () => compose([resize([32, 32]), flipHorizontally, toTensor()], { outputSize: [32, 32] }),
      [1, 0, 0, 1],
    ],
  ])('%s', async (_, transform, expected) => {
    const { left, top, right, bottom } = await seenRegion(transform(), { width: 200, height: 100 });
    for (const [i, value] of [left, top, right, bottom].entries()) expect(value).toBeCloseTo(expected[i]!, 1);
  });
});
