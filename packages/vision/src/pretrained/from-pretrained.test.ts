import '@tensorflow/tfjs-backend-cpu';
import { inference, type Stateful } from '@diptych/core';
import { encodeSafetensors, memorySource, stateDict, type WeightSource } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { ClipVision, ConvNeXt, imageEncoderFromPretrained, ResNet, SiglipVision, ViT } from '../index.js';

/** A folder as timm or transformers writes it, from a model of ours, whose names are theirs. */
async function folderOf(model: Stateful, config: object, more: Record<string, string> = {}): Promise<WeightSource> {
  return memorySource({
    'config.json': JSON.stringify(config),
    'model.safetensors': encodeSafetensors(await stateDict(model)),
    ...more,
  });
}

const resnetArgs = { layers: [1, 1, 1, 1] };
const resnet = () => new ResNet({ block: 'basic', layers: [1, 1, 1, 1] }, { embedDim: 7, seed: 1 });
const resnetConfig = {
  architecture: 'resnet18',
  model_args: resnetArgs,
  pretrained_cfg: { input_size: [3, 224, 224], crop_pct: 0.95, interpolation: 'bicubic' },
};
const vitArgs = { img_size: 16, patch_size: 8, embed_dim: 12, depth: 1, num_heads: 2 };
const vitShape = { imageSize: 16, patchSize: 8, hiddenSize: 12, numLayers: 1, numHeads: 2 };
const siglipShape = { ...vitShape, intermediateSize: 20 };
const clipShape = { ...siglipShape, projectionDim: 6 };
const hubVision = {
  image_size: 16,
  patch_size: 8,
  hidden_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 20,
};
const clipPreprocessor = JSON.stringify({ do_center_crop: true, size: { shortest_edge: 16 }, crop_size: 16 });

const valuesOf = (variable: tf.Variable | undefined) => Array.from(variable!.dataSync());

describe('fromPretrained', () => {
  it('keeps a head of the asked width, and brings the transform', async () => {
    const original = resnet();
    const loaded = await ResNet.fromPretrained(await folderOf(original, resnetConfig), { embedDim: 7 });
    expect(valuesOf(loaded.fc!.weight)).toEqual(valuesOf(original.fc!.weight));
    expect(valuesOf(loaded.conv1.weight)).toEqual(valuesOf(original.conv1.weight));
    expect(loaded.report?.fresh).toEqual([]);
    expect(loaded.transform).toEqual(resnetConfig.pretrained_cfg);
    original.dispose();
    loaded.dispose();
  });

  it('lists a new head, draws it from the seed, and leaves it out without embedDim', async () => {
    const original = resnet();
    const source = await folderOf(original, resnetConfig);
    const first = await ResNet.fromPretrained(source, { embedDim: 5, seed: 3 });
    const second = await ResNet.fromPretrained(source, { embedDim: 5, seed: 3 });
    const other = await ResNet.fromPretrained(source, { embedDim: 5, seed: 4 });
    expect(first.report!.fresh).toEqual([
      { name: 'fc.weight', shape: [5, 512], checkpoint: '[7,512] float32' },
      { name: 'fc.bias', shape: [5], checkpoint: '[7] float32' },
    ]);
    expect(valuesOf(first.fc!.weight).some((value) => value !== 0)).toBe(true);
    expect(valuesOf(first.fc!.weight)).toEqual(valuesOf(second.fc!.weight));
    expect(valuesOf(first.fc!.weight)).not.toEqual(valuesOf(other.fc!.weight));
    const headless = await ResNet.fromPretrained(source);
    expect(headless.fc).toBeUndefined();
    expect(headless.report!.ignored).toEqual(['fc.bias', 'fc.weight']);
    for (const model of [original, first, second, other, headless]) model.dispose();
  });

  it('leaves no tensors behind but the model', async () => {
    const original = resnet();
    const source = await folderOf(original, resnetConfig);
    const before = tf.memory().numTensors;
    const loaded = await ResNet.fromPretrained(source, { embedDim: 5 });
    loaded.dispose();
    expect(tf.memory().numTensors).toBe(before);
    original.dispose();
  });

  it('takes a ViT with class token for mean pooling', async () => {
    const original = new ViT(vitShape, { seed: 1 });
    const source = await folderOf(original, { architecture: 'vit_tiny_patch16_224', model_args: vitArgs });
    const loaded = await ViT.fromPretrained(source, { pooling: 'mean', dropPathRate: 0.1 });
    expect(loaded.pooling).toBe('mean');
    expect(loaded.report!.loaded.map(({ name }) => name)).toContain('fc_norm.weight');
    original.dispose();
    loaded.dispose();
  });

  it('takes CLIP for larger pictures and another width', async () => {
    const original = new ClipVision(clipShape, { seed: 1 });
    const config = { model_type: 'clip', projection_dim: 6, vision_config: hubVision };
    const source = await folderOf(original, config, { 'preprocessor_config.json': clipPreprocessor });
    const loaded = await ClipVision.fromPretrained(source, { imageSize: 32, embedDim: 4, seed: 2 });
    expect(loaded.report!.fresh.map(({ name }) => name)).toEqual(['visual_projection.weight']);
    expect(loaded.transform).toMatchObject({ size: { shortest_edge: 32 }, crop_size: 32 });
    tf.tidy(() => {
      const { pooled, sequence } = loaded.encode(tf.zeros([1, 32, 32, 3]), inference);
      expect(pooled.shape).toEqual([1, 4]);
      expect(sequence.shape).toEqual([1, 16, 4]);
    });
    original.dispose();
    loaded.dispose();
  });

  it('takes SigLIP with the defaults that its config.json leaves out', async () => {
    const source = memorySource({
      'config.json': JSON.stringify({ model_type: 'siglip', vision_config: { model_type: 'siglip_vision_model' } }),
      'model.safetensors': encodeSafetensors({}),
    });
    // nothing to load: the report shows the network that the defaults make
    const loading = SiglipVision.fromPretrained(source);
    await expect(loading).rejects.toMatchObject({ code: 'weights' });
    await expect(loading).rejects.toThrow('vision_model.embeddings.position_embedding.weight');
    const { report } = await loading.catch((error) => error);
    const shapes = Object.fromEntries(
      report.missing.map(({ name, shape }: { name: string; shape: number[] }) => [name, shape]),
    );
    expect(shapes['vision_model.embeddings.position_embedding.weight']).toEqual([196, 768]);
    expect(shapes['vision_model.encoder.layers.11.mlp.fc1.weight']).toEqual([3072, 768]);
  });

  it('chooses the family by the checkpoint', async () => {
    const models = [
      [resnet(), resnetConfig, ResNet],
      [new ViT(vitShape), { architecture: 'deit_tiny_patch16_224', model_args: vitArgs }, ViT],
      [
        new ConvNeXt({ depths: [1, 1], widths: [4, 8] }),
        { architecture: 'convnext_atto', model_args: { depths: [1, 1], dims: [4, 8] } },
        ConvNeXt,
      ],
      [new ClipVision(clipShape), { model_type: 'clip_vision_model', projection_dim: 6, ...hubVision }, ClipVision],
      [new SiglipVision(siglipShape), { model_type: 'siglip_vision_model', ...hubVision }, SiglipVision],
    ] as const;
    for (const [original, config, family] of models) {
      const loaded = await imageEncoderFromPretrained(await folderOf(original, config));
      expect(loaded).toBeInstanceOf(family);
      original.dispose();
      loaded.dispose();
    }
  });

  it.each([
    [
      'another family',
      { model_type: 'bert' },
      /vision\.ResNet: expected a checkpoint of a ResNet, got memory, which transformers calls bert/,
    ],
    ['an unknown architecture', { architecture: 'resnet50d' }, /expected one of resnet18, .*got resnet50d/],
    [
      'an argument that is not implemented',
      { architecture: 'resnet18', model_args: { stem_type: 'deep' } },
      /model_args: stem_type/,
    ],
    ['a config without a type', {}, /config\.json: model_type: expected a text, got nothing/],
    [
      'a stride on the first convolution',
      { model_type: 'resnet', downsample_in_bottleneck: true },
      /downsample_in_bottleneck: expected false, the only one implemented, got true/,
    ],
    [
      'widths of another network',
      { model_type: 'resnet', hidden_sizes: [1, 2, 3, 4] },
      /hidden_sizes: expected \[256,512,1024,2048\]/,
    ],
    [
      'sizes that are no numbers',
      { model_type: 'resnet', depths: 'many' },
      /depths: expected a list of numbers, got "many"/,
    ],
  ])('says what is wrong with %s', async (_name, config, message) => {
    const source = memorySource({
      'config.json': JSON.stringify(config),
      'model.safetensors': encodeSafetensors({}),
    });
    await expect(ResNet.fromPretrained(source)).rejects.toThrow(message);
  });

  it('frees a model whose checkpoint does not fit', async () => {
    const original = new ResNet({ block: 'basic', layers: [1, 1, 1, 2] });
    const source = await folderOf(original, resnetConfig);
    const before = tf.memory().numTensors;
    await expect(ResNet.fromPretrained(source)).rejects.toThrow('unexpected');
    expect(tf.memory().numTensors).toBe(before);
    original.dispose();
  });
});
