import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AttentionFusion, CoAttentionFusion } from '@diptych/fusion';
import { compose, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { BagOfTokens } from '@diptych/text';
import { MultiModalEncoder } from '@diptych/train';
import { SmallCNN } from '@diptych/vision';
import { JointModel, save } from 'diptych';
import sharp from 'sharp';

export const WORDS = ['red', 'green', 'blue', 'round', 'square'];
export const EMBED_DIM = 8;

/** A small model with a matcher, in a folder; one that `attends` says where it looks for a word. */
export async function writeSmallModel(folder: string, attends = false): Promise<JointModel> {
  mkdirSync(folder, { recursive: true });
  const vocabulary = join(folder, 'vocab.txt');
  writeFileSync(vocabulary, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...WORDS].join('\n'));
  const words = tokenizer(vocabulary);
  const model = new JointModel({
    encoder: new MultiModalEncoder({
      image: new SmallCNN({ embedDim: EMBED_DIM, imageSize: 16, channels: [4, 8], seed: 1 }),
      text: new BagOfTokens({ vocabSize: words.vocabSize, embedDim: EMBED_DIM, seed: 2 }),
      fusion: new (attends ? CoAttentionFusion : AttentionFusion)({ embedDim: EMBED_DIM, numHeads: 2, seed: 3 }),
    }),
    transform: compose([resize([16, 16]), toTensor()]),
    tokenizer: words,
  });
  await save(folder, model);
  return model;
}

/** A picture of one colour with a spot. */
export async function picture(hue: number, size = 48, format: 'png' | 'jpeg' = 'png'): Promise<Uint8Array> {
  const svg = `<svg width="${size}" height="${size}"><rect width="100%" height="100%" fill="hsl(${hue},70%,55%)"/><circle cx="${10 + (hue % 30)}" cy="20" r="9" fill="hsl(${hue + 160},80%,40%)"/></svg>`;
  return sharp(Buffer.from(svg)).toFormat(format).toBuffer();
}

/** Writes pictures of several hues into two folders. Returns their paths. */
export async function writePictures(folder: string, count: number): Promise<string[]> {
  const paths: string[] = [];
  for (let i = 0; i < count; i++) {
    const path = join(folder, i % 2 === 0 ? 'warm' : 'cold/deep', `picture ${i}.png`);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, await picture(Math.round((i * 360) / count)));
    paths.push(path);
  }
  return paths;
}
