import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ImageEncoder, TextEncoder } from '@diptych/core';
import { compose, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { Bert, type BertOptions, ClipText, SiglipText } from '@diptych/text';
import { ImageFeatureHead, MultiModalEncoder, TextFeatureHead, withHead } from '@diptych/train';
import { ClipVision, ConvNeXt, EfficientNet, ResNet, SiglipVision, ViT } from '@diptych/vision';
import { openSafetensors, writeSafetensors } from '@diptych/weights/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JointModel, load } from '../index.js';
import { exportHf } from './export-hf.js';

/** A Python with transformers, if this machine has one. */
const python = [process.env.DIPTYCH_PYTHON, resolve(import.meta.dirname, '../../../../.cache/venv/bin/python')].find(
  (path) => path && existsSync(path) && has(path, 'transformers') && has(path, 'safetensors'),
);

function has(path: string, module: string): boolean {
  const code = `import importlib.util, sys; sys.exit(importlib.util.find_spec('${module}') is None)`;
  try {
    execFileSync(path, ['-c', code], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'red', 'cat', 'dog', 'asleep', 'on', 'the', 'sea'];
const TEXTS = ['a red cat', 'the dog asleep on the sea', 'sea'];
const SIDE = 32;
const WIDTH = 24;
const BLOCKS = { hiddenSize: 32, numLayers: 2, numHeads: 2 } as const;
const LENGTH = 12;

const vit = () => new ViT({ ...BLOCKS, patchSize: 8, imageSize: SIDE }, { seed: 1 });
const bert = (options: BertOptions = {}) =>
  new Bert(
    { ...BLOCKS, vocabSize: WORDS.length, intermediateSize: 64, maxPositions: LENGTH + 4 },
    { seed: 2, ...options },
  );
const head = (tower: ImageEncoder, seed = 3) =>
  withHead(tower, new ImageFeatureHead({ featureDim: tower.embedDim, embedDim: WIDTH, seed })) as ImageEncoder;
const textHead = (tower: TextEncoder, seed = 4) =>
  withHead(tower, new TextFeatureHead({ featureDim: tower.embedDim, embedDim: WIDTH, seed })) as TextEncoder;
const clipVision = () =>
  new ClipVision({ ...BLOCKS, imageSize: SIDE, patchSize: 8, projectionDim: WIDTH }, { seed: 5 });
const clipText = () =>
  new ClipText(
    { ...BLOCKS, vocabSize: WORDS.length, maxPositions: LENGTH, projectionDim: WIDTH, eosTokenId: 3 },
    { seed: 6 },
  );

/** Models by the layout that they get. */
const MODELS: Readonly<Record<string, readonly [layout: string, () => { image: unknown; text: unknown }]>> = {
  clip: ['CLIPModel', () => ({ image: clipVision(), text: clipText() })],
  'clip-heads': ['CLIPModel', () => ({ image: head(clipVision() as never), text: textHead(clipText() as never) })],
  siglip: [
    'SiglipModel',
    () => ({
      image: new SiglipVision({ ...BLOCKS, imageSize: SIDE, patchSize: 8 }, { seed: 7 }),
      text: new SiglipText({ ...BLOCKS, vocabSize: WORDS.length, maxPositions: LENGTH }, { seed: 8 }),
    }),
  ],
  'vit-bert': ['VisionTextDualEncoderModel', () => ({ image: head(vit()), text: textHead(bert()) })],
  'convnext-bert': [
    'VisionTextDualEncoderModel',
    () => ({ image: new ConvNeXt('convnext_atto', { embedDim: WIDTH, seed: 9 }), text: bert({ embedDim: WIDTH }) }),
  ],
  'vit-minilm': [
    'timm and sentence-transformers',
    () => ({ image: head(vit()), text: textHead(bert({ pooling: 'mean', normalize: true })) }),
  ],
  'resnet-bert': [
    'timm and sentence-transformers',
    () => ({
      image: head(new ResNet('resnet18', { embedDim: 40, seed: 10 })),
      text: bert({ embedDim: WIDTH, pooling: 'max', dense: [{ outFeatures: 20, activation: 'tanh' }] }),
    }),
  ],
  'efficientnet-minilm': [
    'timm and sentence-transformers',
    () => ({
      image: new EfficientNet('tf_efficientnet_lite0', { embedDim: WIDTH, seed: 11 }),
      text: textHead(bert({ pooling: 'mean' })),
    }),
  ],
};

const skipped = 'skipped where there is no Python with transformers and safetensors; set DIPTYCH_PYTHON';
describe.skipIf(!python)(`exportHf, opened in Python (${skipped})`, () => {
  const root = mkdtempSync(join(tmpdir(), 'export-hf-'));
  let compared: Record<string, Record<string, unknown>>;
  const layouts: Record<string, string> = {};

  beforeAll(async () => {
    writeFileSync(join(root, 'vocab.txt'), WORDS.join('\n'));
    const transform = compose([resize([SIDE, SIDE], 'bicubic'), toTensor(), normalize('imagenet')]);
    for (const [name, [, make]] of Object.entries(MODELS)) {
      const folder = join(root, name);
      const { image, text } = make() as { image: ImageEncoder; text: TextEncoder };
      const encoder = new MultiModalEncoder({
        image,
        text,
        logitScale: 2,
        logitBias: name === 'siglip' ? -3 : undefined,
      });
      const padding = name === 'siglip' ? ('max_length' as const) : ('longest' as const);
      const words = tokenizer(join(root, 'vocab.txt'));
      const model = new JointModel({ encoder, transform, tokenizer: words, tokenize: { maxLength: LENGTH, padding } });
      layouts[name] = (await exportHf(folder, model)).layout;
      await writeParity(folder, model);
      model.dispose();
    }
    const script = resolve(import.meta.dirname, '../../../../reference/check_hf_export.py');
    const folders = Object.keys(MODELS).map((name) => join(root, name));
    const env = { ...process.env, HF_HUB_OFFLINE: '1' };
    const output = execFileSync(python!, [script, ...folders], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    });
    compared = JSON.parse(output.trim().split('\n').at(-1)!);
  }, 600_000);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it.each(Object.keys(MODELS))('%s gives our embeddings', (name) => {
    expect(layouts[name]).toBe(MODELS[name]![0]);
    const result = compared[name]!;
    for (const tower of ['image', 'text', 'sentences']) {
      if (tower in result) expect(result[tower], tower).toBeLessThan(1e-5);
      else if (tower !== 'sentences') expect(JSON.stringify(result)).toMatch(/skipped/);
    }
    if (result.class !== 'apart' && !result.skipped) {
      expect(result.class).toBe(layouts[name]);
      expect(result.loading).toEqual({});
      expect(result.scale).toBeCloseTo(2, 6);
      expect(result.ids).toEqual([2, 5, 6, 7, 3]);
    }
  });

  it('keeps a folder of its own where the others cannot hold all', async () => {
    const own = await load(join(root, 'vit-minilm/diptych'));
    const expected = openSafetensors(join(root, 'vit-minilm/parity.safetensors')).read('text').data as Float32Array;
    const { data } = await own.embedText(TEXTS);
    expect(Math.max(...data.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-6);
    own.dispose();
    expect(existsSync(join(root, 'clip/diptych'))).toBe(false);
    expect(JSON.parse(readFileSync(join(root, 'clip/preprocessor_config.json'), 'utf8'))).toMatchObject({
      size: { height: SIDE, width: SIDE },
      do_center_crop: false,
    });
  });
});

/** Pixels, ids and our embeddings of them. */
async function writeParity(folder: string, model: JointModel): Promise<void> {
  const size = SIDE * SIDE * 3;
  const pictures = TEXTS.map((_, n) => ({
    width: SIDE,
    height: SIDE,
    data: Uint8Array.from({ length: size }, (_, i) => (i * (n * 31 + 7) + (i >> 4) * 13) % 256),
  }));
  const { mean, std } = model.transform.normalization!;
  const pixels = new Float32Array(pictures.length * size);
  for (const [n, { data }] of pictures.entries()) {
    for (let i = 0; i < size; i++) {
      const channel = i % 3;
      const at = n * size + channel * SIDE * SIDE + Math.floor(i / 3);
      pixels[at] = (data[i]! / 255 - mean[channel]!) / std[channel]!;
    }
  }
  const { inputIds, attentionMask, shape } = model.tokenizer.encode(TEXTS, { truncation: true, ...model.tokenize });
  const [image, text] = [await model.embedImages(pictures), await model.embedText(TEXTS)];
  await writeSafetensors(join(folder, 'parity.safetensors'), {
    pixels: { dtype: 'float32', shape: [pictures.length, 3, SIDE, SIDE], data: pixels },
    input_ids: { dtype: 'int32', shape: [...shape], data: inputIds },
    attention_mask: { dtype: 'int32', shape: [...shape], data: attentionMask },
    image: { dtype: 'float32', shape: [...image.shape], data: image.data },
    text: { dtype: 'float32', shape: [...text.shape], data: text.data },
  });
  writeFileSync(join(folder, 'texts.json'), JSON.stringify(TEXTS));
}
