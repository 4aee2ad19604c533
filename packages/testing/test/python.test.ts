import '@tensorflow/tfjs-backend-cpu';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inference } from '@diptych/core';
import { Bert } from '@diptych/text';
import { ResNet } from '@diptych/vision';
import { stateDict, type TensorData } from '@diptych/weights';
import { openSafetensors, writeSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomNormal } from '../src/index.js';

/** A Python with torch, torchvision, transformers and safetensors: DIPTYCH_PYTHON, the repository's own, or the system's. */
const python = [
  process.env.DIPTYCH_PYTHON,
  resolve(import.meta.dirname, '../../../.cache/venv/bin/python'),
  'python3',
].find((path) => path && spawnSync(path, ['-c', 'import torch, torchvision, transformers, safetensors']).status === 0);

const PROGRAM = `
import sys, torch, torchvision, transformers
from safetensors.torch import load_file, save_file
folder = sys.argv[1]
resnet = torchvision.models.resnet18(num_classes=10).eval()
resnet.load_state_dict(load_file(folder + '/resnet.safetensors'), strict=True)
bert = transformers.BertModel(transformers.BertConfig(
    vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=20)).eval()
bert.load_state_dict(load_file(folder + '/bert.safetensors'), strict=True)
given = load_file(folder + '/inputs.safetensors')
with torch.no_grad():
    image = resnet(given['pixels'].permute(0, 3, 1, 2).contiguous())
    text = bert(input_ids=given['inputIds'].long(), attention_mask=given['attentionMask'].long())
save_file({'image': image, 'pooled': text.pooler_output, 'sequence': text.last_hidden_state.contiguous()}, folder + '/outputs.safetensors')
`;

describe.skipIf(!python)('models saved here, in PyTorch (skipped where there is no Python; set DIPTYCH_PYTHON)', () => {
  let folder = '';
  const outputs: Record<string, tf.Tensor> = {};

  beforeAll(async () => {
    await tf.setBackend('cpu');
    folder = mkdtempSync(join(tmpdir(), 'diptych-to-torch-'));
    const resnet = new ResNet('resnet18', { embedDim: 10, seed: 5 });
    const sizes = { vocabSize: 50, hiddenSize: 32, numLayers: 2, numHeads: 4, intermediateSize: 64 };
    const bert = new Bert({ ...sizes, maxPositions: 20 }, { pooling: 'pooler', seed: 6 });
    await writeSafetensors(join(folder, 'resnet.safetensors'), await stateDict(resnet));
    await writeSafetensors(join(folder, 'bert.safetensors'), await stateDict(bert));
    const pixels = randomNormal<tf.Rank.R4>([2, 64, 64, 3], 1);
    const inputIds = tf.tensor2d([2, 7, 9, 11, 3, 2, 13, 3, 0, 0], [2, 5], 'int32');
    const attentionMask = tf.tensor2d([1, 1, 1, 1, 1, 1, 1, 1, 0, 0], [2, 5], 'int32');
    const arrays: Record<string, TensorData> = {
      pixels: { dtype: 'float32', shape: pixels.shape, data: await pixels.data<'float32'>() },
      inputIds: { dtype: 'int32', shape: inputIds.shape, data: await inputIds.data<'int32'>() },
      attentionMask: { dtype: 'int32', shape: attentionMask.shape, data: await attentionMask.data<'int32'>() },
    };
    await writeSafetensors(join(folder, 'inputs.safetensors'), arrays);
    outputs.image = tf.tidy(() => resnet.encode(pixels, inference).pooled);
    Object.assign(
      outputs,
      tf.tidy(() => ({ ...bert.encode({ inputIds, attentionMask }, inference) })),
    );
    const { status, stderr } = spawnSync(python!, ['-c', PROGRAM, folder], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['a ResNet-18 in torchvision', 'image'],
    ["a BERT's pooler in transformers", 'pooled'],
    ["a BERT's last hidden state in transformers", 'sequence'],
  ])('%s loads strictly and gives the same output', (_, key) => {
    const theirs = Array.from(openSafetensors(join(folder, 'outputs.safetensors')).read(key).data);
    const ours = outputs[key]!.dataSync();
    expect(ours).toHaveLength(theirs.length);
    const largest = Math.max(...theirs.map(Math.abs));
    const worst = Math.max(...theirs.map((value, i) => Math.abs(value - ours[i]!)));
    expect(worst / largest).toBeLessThan(1e-5);
  });
});
