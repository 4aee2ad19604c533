// The reference system at two sizes, built through the public packages: ResNet and BERT, one width, fused by attention.

import { join } from 'node:path';
import { AttentionFusion } from '@diptych/fusion';
import { BERT_CONFIGS, Bert } from '@diptych/text';
import { infoNCE, MultiModalEncoder, StatelessLoss } from '@diptych/train';
import { ResNet } from '@diptych/vision';
import { adapters, loadState, renameTensors, stateDict } from '@diptych/weights';
import { openSafetensors, writeSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { unpadded } from './settings.mjs';

/** Sizes as in reference/bench.py, but for `large`, which it does not run. */
export const SIZES = {
  seed: { resnet: 'resnet50', bert: 'bert-base-uncased', embedDim: 768 },
  small: { resnet: 'resnet18', bert: 'all-MiniLM-L6-v2', embedDim: 384 },
  large: { resnet: 'resnet152', bert: 'bert-large-uncased', embedDim: 1024 },
};
export const BATCH = { size: 8, pixels: 224, tokens: 64 };

/** `dropout` is 0.1 everywhere, or 0 to compare a loss. */
export function buildModel(size, { dropout = 0.1 } = {}) {
  const { resnet, bert, embedDim } = SIZES[size];
  const config = { ...BERT_CONFIGS[bert], dropout: dropout, attentionDropout: dropout };
  return new MultiModalEncoder({
    image: new ResNet(resnet, { embedDim }),
    text: new Bert(config, { embedDim }),
    fusion: new AttentionFusion({ embedDim, numHeads: 8, dropout }),
    matcher: false,
  });
}

/** InfoNCE on the towers plus the mean square of the fused vectors, so that every parameter has a gradient. */
export class BenchLoss extends StatelessLoss {
  compute({ image, text, logitScale, fuse }) {
    const contrastive = infoNCE(image.pooled, text.pooled, logitScale);
    const size = tf.mean(tf.square(fuse().fused));
    return { loss: tf.add(contrastive, size), parts: { contrastive } };
  }
}

/** Repeatable numbers without a library: a 32-bit multiplicative generator. */
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A batch of pairs on the host; two lengths, so that the mask matters, unless `--unpadded` asks for one. `tokens` is the longer one. */
export function makeBatch({ size = BATCH.size, tokens = BATCH.tokens } = {}) {
  const next = random(7);
  const { pixels } = BATCH;
  const image = Float32Array.from({ length: size * pixels * pixels * 3 }, () => (next() + next() + next() - 1.5) * 2);
  const inputIds = Int32Array.from({ length: size * tokens }, () => 1000 + Math.floor(next() * 29000));
  const attentionMask = Int32Array.from({ length: size * tokens }, (_, i) =>
    !unpadded && i >= (size - 1) * tokens && i % tokens >= 0.75 * tokens ? 0 : 1,
  );
  return {
    size,
    pixels: { data: image, shape: [size, pixels, pixels, 3] },
    tokens: { shape: [size, tokens], inputIds, attentionMask },
    ids: Array.from({ length: size }, (_, i) => String(i)),
  };
}

/** Writes the batch for PyTorch, pictures as NCHW. */
export async function writeBatch(folder, { pixels, tokens }) {
  const [size, height, width, channels] = pixels.shape;
  const data = new Float32Array(pixels.data.length);
  for (let n = 0; n < size; n++) {
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < channels; c++) {
        data[(n * channels + c) * height * width + i] = pixels.data[(n * height * width + i) * channels + c];
      }
    }
  }
  await writeSafetensors(join(folder, 'batch.safetensors'), {
    pixels: { dtype: 'float32', shape: [size, channels, height, width], data },
    ids: { dtype: 'int32', shape: [...tokens.shape], data: tokens.inputIds },
    mask: { dtype: 'int32', shape: [...tokens.shape], data: tokens.attentionMask },
  });
}

/** Writes a model's state under PyTorch's names. */
export async function writeState(folder, model) {
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    renameTensors(await stateDict(model), adapters.toReference),
  );
}

/** Loads the state that {@link writeState} wrote. */
export function readState(folder, model) {
  loadState(model, openSafetensors(join(folder, 'model.safetensors')), { adapter: adapters.fromReference });
}

/** Pixels and tokens as tensors. */
export function batchTensors({ pixels, tokens }) {
  return {
    pixels: tf.tensor4d(pixels.data, pixels.shape),
    text: {
      inputIds: tf.tensor2d(tokens.inputIds, tokens.shape, 'int32'),
      attentionMask: tf.tensor2d(tokens.attentionMask, tokens.shape, 'int32'),
    },
  };
}
