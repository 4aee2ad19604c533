import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inference } from '@diptych/core';
import { textEncoderFromPretrained } from '@diptych/text';
import { imageEncoderFromPretrained } from '@diptych/vision';
import type { NamedTensors, TensorData } from '@diptych/weights';
import { openSafetensors, writeSafetensors, writeSharded } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DualEncoder } from './index.js';

// What people have in the place of a hub folder, by public reports; in brackets where. Each is made of one small CLIP of transformers.

const CLIP = fileURLToPath(new URL('../../../golden/dual/clip', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'brought-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Tensors = Map<string, TensorData>;
type Config = Record<string, unknown> & {
  text_config: Record<string, unknown>;
  vision_config: Record<string, unknown>;
};

const stored = openSafetensors(join(CLIP, 'model.safetensors'));
const tensorsOf = (): Tensors => new Map([...stored.infos.keys()].map((name) => [name, stored.read(name)]));
const config = JSON.parse(readFileSync(join(CLIP, 'config.json'), 'utf8')) as Config;
const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'photo', 'of', 'cat', 'dog', '.'];

let count = 0;
/** A folder of the checkpoint, with a vocabulary of BERT's beside it. */
async function folderOf(tensors: NamedTensors = tensorsOf(), settings: object = config): Promise<string> {
  const folder = join(root, String(count++));
  cpSync(CLIP, folder, { recursive: true });
  writeFileSync(join(folder, 'vocab.txt'), vocabulary.join('\n'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(settings));
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return folder;
}

const renamed = (rename: (name: string) => string): Tensors =>
  new Map([...tensorsOf()].map(([name, tensor]) => [rename(name), tensor]));
const only = (begin: string, cut = ''): Tensors =>
  new Map(
    [...tensorsOf()].flatMap(([name, t]) => (name.startsWith(begin) ? [[name.slice(cut.length), t] as const] : [])),
  );

const picture = { data: new Uint8Array(32 * 32 * 3).map((_, i) => i % 251), width: 32, height: 32 };
async function vectorsOf(model: DualEncoder): Promise<number[]> {
  const [image, text] = [await model.embedImages([picture]), await model.embedText(['a photo of a cat.'])];
  return [...image.data, ...text.data];
}

let expected: number[];
beforeAll(async () => {
  const model = await DualEncoder.fromPretrained(await folderOf());
  expected = await vectorsOf(model);
  model.dispose();
});

/** A folder inside a folder. */
async function within(inside: string, beside: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = join(root, String(count++));
  mkdirSync(join(folder, inside, '..'), { recursive: true });
  renameSync(await folderOf(), join(folder, inside));
  for (const [name, text] of Object.entries(beside)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function inShards(change: (folder: string, shards: readonly string[]) => void): Promise<string> {
  const folder = await folderOf();
  rmSync(join(folder, 'model.safetensors'));
  const files = await writeSharded(folder, tensorsOf(), { maxShardBytes: 20_000 });
  change(folder, files);
  return folder;
}

const COMMIT = '0123456789012345678901234567890123456789';
const MODULES = [{ idx: 0, name: '0', path: '0_CLIPModel', type: 'sentence_transformers.models.CLIPModel' }];

describe('a checkpoint of CLIP is read', () => {
  it.each<[string, () => Promise<string>]>([
    ['under the names of DistributedDataParallel', () => folderOf(renamed((n) => `module.${n}`))],
    ['of torch.compile', () => folderOf(renamed((n) => `_orig_mod.${n}`))],
    ['of both', () => folderOf(renamed((n) => `module._orig_mod.${n}`))],
    ["of Lightning's module (train-CLIP#15)", () => folderOf(renamed((n) => `model.${n}`))],
    [
      'with a BOM in its config.json',
      async () => {
        const folder = await folderOf();
        writeFileSync(join(folder, 'config.json'), `\uFEFF${JSON.stringify(config)}`);
        return folder;
      },
    ],
    [
      'with nulls for what is default',
      () => folderOf(undefined, { ...config, text_config: { ...config.text_config, attention_dropout: null } }),
    ],
    [
      'with the size of pictures as a list',
      () => folderOf(undefined, { ...config, vision_config: { ...config.vision_config, image_size: [32, 32] } }),
    ],
    [
      'with a logit scale of shape [1]',
      () => {
        const tensors = tensorsOf();
        tensors.set('logit_scale', { ...tensors.get('logit_scale')!, shape: [1] });
        return folderOf(tensors);
      },
    ],
    [
      'with a stale index beside the whole file (mlx-vlm#1827)',
      async () => {
        const folder = await folderOf();
        const index = { weight_map: { logit_scale: 'model-00001-of-00002.safetensors' } };
        writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
        return folder;
      },
    ],
    ['in shards', () => inShards(() => {})],
    [
      'in shards whose index was not copied (xotorch#11)',
      () => inShards((folder) => rmSync(join(folder, 'model.safetensors.index.json'))),
    ],
    [
      'of sentence-transformers, in its folder (clip-ViT-B-32)',
      () => within('0_CLIPModel', { 'modules.json': JSON.stringify(MODULES) }),
    ],
    ["of the hub's cache, under a commit", () => within(`snapshots/${COMMIT}`, { 'refs/main': `${COMMIT}\n` })],
  ])('%s', async (_, make) => {
    const model = await DualEncoder.fromPretrained(await make());
    const found = await vectorsOf(model);
    model.dispose();
    expect(found).toHaveLength(expected.length);
    for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, 6);
  });

  it.each(['vision', 'text'] as const)('of its %s tower alone, with and without the name before it', async (side) => {
    const projection = side === 'vision' ? 'visual_projection.weight' : 'text_projection.weight';
    const settings = {
      ...config[`${side}_config`],
      model_type: `clip_${side}_model`,
      projection_dim: config.projection_dim,
    };
    const open = side === 'vision' ? imageEncoderFromPretrained : textEncoderFromPretrained;
    const input =
      side === 'vision'
        ? tf.fill([1, 32, 32, 3], 0.3)
        : { inputIds: tf.tensor2d([[2, 5, 6, 3]], undefined, 'int32'), attentionMask: tf.ones([1, 4], 'int32') };
    const sequences: number[][] = [];
    for (const tensors of [
      only(`${side}_model.`).set(projection, stored.read(projection)), // CLIPVisionModelWithProjection
      only(`${side}_model.`, `${side}_model.`).set(projection, stored.read(projection)), // CLIPVisionModel of transformers 5
    ]) {
      const tower = await open(await folderOf(tensors, settings));
      expect(tower.report!.fresh).toEqual([]);
      sequences.push([...tf.tidy(() => tower.encode(input as never, inference).pooled.dataSync())]);
      tower.dispose();
    }
    expect(sequences[1]).toEqual(sequences[0]);
    const plain = await open(await folderOf(only(`${side}_model.`, `${side}_model.`), settings));
    expect(plain.report!.fresh.map(({ name }) => name)).toEqual([projection]);
    plain.dispose();
  });
});

const LFS = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 605156676\n';

describe('what cannot be read says what to do:', () => {
  /** The whole checkpoint with other contents of one file, or without it. */
  const withFile = (name: string, content: string | undefined) => async () => {
    const folder = await folderOf();
    rmSync(join(folder, name), { force: true });
    if (content !== undefined) writeFileSync(join(folder, name), content);
    return folder;
  };
  const NONE = { 'model.safetensors': undefined };
  const instead = (files: Readonly<Record<string, string | undefined>>) => async () => {
    const folder = await folderOf();
    for (const [name, content] of Object.entries({ ...NONE, ...files })) {
      if (content === undefined) rmSync(join(folder, name), { force: true });
      else writeFileSync(join(folder, name), content);
    }
    return folder;
  };
  it.each<[string, () => Promise<string>, RegExp]>([
    ['a clone without Git LFS', withFile('model.safetensors', LFS), /a Git LFS pointer, .*git lfs pull/],
    ['the same of its vocabulary', withFile('vocab.txt', LFS), /vocab\.txt: .*a Git LFS pointer, .*git lfs pull/],
    [
      'the same of its configuration',
      withFile('config.json', LFS),
      /config\.json: .*a Git LFS pointer, .*git lfs pull/,
    ],
    ['a page of a login', withFile('model.safetensors', '<!DOCTYPE html><html>'), /a web page, .*\/resolve\//],
    ['an empty file', withFile('model.safetensors', ''), /at least 8 bytes, got 0 bytes/],
    ['an empty configuration', withFile('config.json', ''), /config\.json: not valid JSON/],
    ['a configuration without a type', () => folderOf(undefined, { ...config, model_type: undefined }), /model_type/],
    [
      'a pickle alone (open_clip#760)',
      instead({ 'pytorch_model.bin': 'PK' }),
      /only pytorch_model\.bin; convert it once/,
    ],
    [
      'adapters of peft alone (sentence-transformers#3402)',
      instead({ 'config.json': undefined, 'adapter_config.json': '{}', 'adapter_model.safetensors': '' }),
      /adapters of peft, .*merge_and_unload/,
    ],
    [
      'adapters of peft inside',
      () => folderOf(renamed((n) => `base_model.model.${n.replace('q_proj.', 'q_proj.base_layer.')}`)),
      /adapters of peft beside them: .*merge_and_unload/,
    ],
    [
      "open_clip's own layout (open_clip#591)",
      instead({ 'config.json': undefined, 'open_clip_config.json': '{}' }),
      /open_clip's own layout/,
    ],
    [
      "a trainer's folder of checkpoints (sentence-transformers#2695)",
      () => within('checkpoint-500', { 'checkpoint-1000/config.json': '{}' }),
      /config\.json lies in checkpoint-1000, checkpoint-500: name that folder/,
    ],
    [
      'a shard that was not fetched (sglang#32279)',
      () => inShards((folder, [first]) => rmSync(join(folder, first!))),
      /expected \d files of tensors beside it, got none of .*00001-of.*interrupted/,
    ],
    [
      'weights in 8 bits (bitsandbytes)',
      () => folderOf(undefined, { ...config, quantization_config: { quant_method: 'bitsandbytes' } }),
      /quantization_config.*dequantize/,
    ],
    [
      'NaN in a diverged checkpoint (DALLE2-pytorch#310)',
      () => {
        const tensors = tensorsOf();
        const { shape, data } = tensors.get('visual_projection.weight')!;
        const broken = Float32Array.from(data).fill(Number.NaN, 3, 4);
        return folderOf(tensors.set('visual_projection.weight', { dtype: 'float32', shape, data: broken }));
      },
      /finite numbers, got NaN in visual_projection\.weight; its training diverged/,
    ],
    [
      'a projection of another width than config.json says',
      () => folderOf(undefined, { ...config, projection_dim: 7 }),
      /projects to 7 numbers, as projection_dim of config\.json says/,
    ],
    [
      'weights of a vision tower alone',
      () => folderOf(only('vision_model.'), { ...config, model_type: 'clip_vision_model' }),
      /model_type of clip, siglip, got clip_vision_model; load the towers one by one/,
    ],
  ])('%s', async (_, make, message) => {
    const folder = await make();
    const before = tf.memory().numTensors;
    await expect(DualEncoder.fromPretrained(folder)).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});
