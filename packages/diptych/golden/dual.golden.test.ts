import '@tensorflow/tfjs-backend-cpu';
import { resolve } from 'node:path';
import { inference, type Tokenizer } from '@diptych/core';
import {
  checkGolden,
  type Float32Error,
  goldenBackends,
  goldenFamily,
  goldenTensor,
  openGolden,
  readGoldenJson,
} from '@diptych/testing/node';
import { infoNCE, sigLIP } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DualEncoder } from '../src/index.js';

// transformers' CLIPModel and SiglipModel, tiny: both towers at once
const meta = readGoldenJson<Record<string, { float32_error: Float32Error }>>('dual');
const runs = goldenBackends().flatMap((backend) => Object.keys(meta).map((name) => [name, backend] as const));

/** The fixtures hold token ids. */
const tokenizer: Tokenizer = {
  vocabSize: 99,
  padTokenId: 2,
  maxLength: 12,
  describe: () => ({ kind: 'golden/none', options: {} }),
  encode: () => {
    throw new Error('the fixtures hold token ids');
  },
};

/** The checkpoint's name of a parameter of the model. */
const hubName = (name: string) => name.replace(/^(image|text)\./, '');

describe.each(runs)('golden dual, whole: %s on %s', (name, backend) => {
  const { float32_error: float32Error } = meta[name]!;
  const expected = openGolden('dual', `${name}.expected.safetensors`);
  const check = (key: string, actual: tf.Tensor) => checkGolden(expected, key, actual, { float32Error });
  let model: DualEncoder;

  beforeAll(async () => {
    await tf.setBackend(backend);
    model = await DualEncoder.fromPretrained(resolve(goldenFamily('dual'), name), { tokenizer });
  });
  afterAll(() => model.dispose());

  function forward() {
    const pixels = tf.transpose(goldenTensor<tf.Tensor4D>(expected, 'pixel_values'), [0, 2, 3, 1]);
    const inputIds = goldenTensor<tf.Tensor2D>(expected, 'input_ids');
    const attentionMask = goldenTensor<tf.Tensor2D>(expected, 'attention_mask');
    return model.encoder.forward(pixels, { inputIds, attentionMask }, inference);
  }

  function loss(): tf.Scalar {
    const { image, text, logitScale, logitBias } = forward();
    if (logitBias) return sigLIP(image.pooled, text.pooled, logitScale, logitBias);
    return infoNCE(image.pooled, text.pooled, logitScale);
  }

  it('embeddings, logits and loss', () => {
    tf.tidy(() => {
      const { image, text, logitScale, logitBias } = forward();
      const unit = (x: tf.Tensor2D) => tf.div(x, tf.norm(x, 2, 1, true));
      check('image_embeds', unit(image.pooled));
      check('text_embeds', unit(text.pooled));
      const scaled = tf.mul(tf.matMul(unit(image.pooled), unit(text.pooled), false, true), tf.exp(logitScale));
      check('logits_per_image', logitBias ? tf.add(scaled, logitBias) : scaled);
      check('loss', loss());
    });
  });

  it('gradients of the loss', () => {
    tf.tidy(() => {
      const { grads } = tf.variableGrads(loss);
      const listed = Object.keys(float32Error).filter((key) => key.startsWith('grad.loss.'));
      const parameters = new Map(Array.from(model.encoder.namedParameters(), ([key, value]) => [hubName(key), value]));
      expect(listed.length).toBeGreaterThan(0);
      for (const key of listed) {
        const gradient = grads[parameters.get(key.slice('grad.loss.'.length))!.name]!;
        // SigLIP's checkpoints hold scale and bias as [1]
        check(key, tf.reshape(gradient, [...expected.read(key).shape]));
      }
    });
  });
});
