import '@tensorflow/tfjs-backend-cpu';
import { BlankGenerator, type Module } from '@diptych/nn';
import * as text from '@diptych/text';
import * as vision from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';

const generator = new BlankGenerator();

/** Each family's table of published sizes, and how a network of it is made. */
const FAMILIES: readonly (readonly [object, (name: never) => Module])[] = [
  [vision.RESNET_CONFIGS, (name) => new vision.ResNet(name, { embedDim: 768, generator })],
  [vision.VIT_CONFIGS, (name) => new vision.ViT(name, { embedDim: 768, generator })],
  [vision.CONVNEXT_CONFIGS, (name) => new vision.ConvNeXt(name, { embedDim: 768, generator })],
  [vision.CLIP_VISION_CONFIGS, (name) => new vision.ClipVision(name, { generator })],
  [vision.SIGLIP_VISION_CONFIGS, (name) => new vision.SiglipVision(name, { generator })],
  [text.BERT_CONFIGS, (name) => new text.Bert(name, { embedDim: 768, generator })],
  [text.CLIP_TEXT_CONFIGS, (name) => new text.ClipText(name, { generator })],
  [text.SIGLIP_TEXT_CONFIGS, (name) => new text.SiglipText(name, { generator })],
];
/** With DIPTYCH_ALL_SIZES every size lives ten times (two minutes); without, none of above 300 MB, and those above 100 MB twice. */
const all = Boolean(process.env.DIPTYCH_ALL_SIZES);
const LEFT_OUT = /base|large|huge|ViT-H|so400m|multilingual|wide_resnet101|patch14|[-_](256|384|512)$/;

describe('memory is flat over the lives of published sizes, beside a second network', () => {
  const sizes = FAMILIES.flatMap(([table, make]) => Object.keys(table).map((name) => [name, make] as const));
  const chosen = sizes.filter(([name]) => all || !LEFT_OUT.test(name));
  it.each(chosen)('%s', (name, make) => {
    const second = make(name as never);
    const { numTensors, numDataBuffers, numBytes } = tf.memory();
    const lives = all || numBytes < 100e6 ? 10 : 2;
    for (let life = 0; life < lives; life++) {
      const model = make(name as never);
      expect(tf.memory().numTensors).toBeGreaterThan(numTensors);
      model.dispose();
    }
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers, numBytes });
    second.dispose();
  });
});
