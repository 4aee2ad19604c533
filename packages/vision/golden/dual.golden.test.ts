import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { type EncoderOutput, inference } from '@diptych/core';
import {
  checkGolden,
  type Float32Error,
  goldenBackends,
  goldenGradients,
  goldenTensor,
  openGolden,
  readGoldenJson,
} from '@diptych/testing/node';
import { loadState, type NameAdapter } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClipVision, SiglipVision } from '../src/index.js';
import { toNHWC } from './layout.js';

const meta = readGoldenJson<Record<string, { float32_error: Float32Error }>>('dual');
const visionOnly: NameAdapter = { ignore: [/^text_/, /^logit_/] };

interface HubVisionConfig {
  readonly image_size: number;
  readonly patch_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
}

const runs = goldenBackends().flatMap((backend) => Object.keys(meta).map((name) => [name, backend] as const));

describe.each(runs)('golden dual, vision: %s on %s', (name, backend) => {
  const { float32_error: float32Error } = meta[name]!;
  const expected = openGolden('dual', `${name}.expected.safetensors`);
  let model: ClipVision | SiglipVision;
  let pixels: tf.Tensor4D;

  beforeAll(async () => {
    await tf.setBackend(backend);
    const { vision_config: hub, projection_dim: projectionDim } = readGoldenJson<{
      vision_config: HubVisionConfig;
      projection_dim: number;
    }>('dual', `${name}/config.json`);
    const config = {
      imageSize: hub.image_size,
      patchSize: hub.patch_size,
      hiddenSize: hub.hidden_size,
      intermediateSize: hub.intermediate_size,
      numLayers: hub.num_hidden_layers,
      numHeads: hub.num_attention_heads,
    };
    model = name === 'clip' ? new ClipVision({ ...config, projectionDim }) : new SiglipVision(config);
    loadState(model, openGolden('dual', `${name}/model.safetensors`), { adapter: visionOnly });
    pixels = tf.tidy(() => toNHWC(goldenTensor(expected, 'pixel_values')));
  });
  afterAll(() => {
    model.dispose();
    pixels.dispose();
  });

  const check = (key: string, actual: tf.Tensor) =>
    checkGolden(expected, key, actual, { float32Error, relative: 1e-5 });

  it('features, tokens and unit vectors', () => {
    tf.tidy(() => {
      const { pooled, sequence }: EncoderOutput = model.encode(pixels, inference);
      check('image_features', pooled);
      check('image_embeds', tf.div(pooled, tf.norm(pooled, 2, 1, true)));
      if (model instanceof SiglipVision) {
        check('vision.last_hidden_state', sequence);
      } else {
        const tokens = model.visionModel.forward(pixels, inference);
        check('vision.last_hidden_state', tokens);
        expect(sequence.shape).toEqual([pixels.shape[0], tokens.shape[1]! - 1, model.embedDim]);
      }
    });
  });

  it('gradients of every parameter', () => {
    tf.tidy(() => {
      const r = goldenTensor(expected, 'r.image');
      const gradients = goldenGradients(model.namedParameters(), () => model.encode(pixels, inference).pooled, r);
      for (const [key, gradient] of gradients) check(`grad.image.${key}`, gradient);
      const listed = Object.keys(float32Error).filter((key) => key.startsWith('grad.image.'));
      expect(listed.length).toBe(gradients.length);
    });
  });
});
