// ResNet-50, inference of one picture: this backend against tfjs's own WebAssembly backend, same model, same weights.
import './lib/backend.mjs';
import '@tensorflow/tfjs-backend-wasm';
import { inference } from '@diptych/core';
import { ResNet } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { batchTensors, makeBatch } from './lib/dual-model.mjs';
import { measureForward } from './lib/forward.mjs';
import { pooled, timed } from './lib/samples.mjs';
import { line } from './lib/statistics.mjs';

export default {
  names: ['resnet50_vs_wasm'],

  async measure() {
    const sides = {};
    for (const backend of ['onnxruntime', 'wasm']) {
      await tf.setBackend(backend);
      const model = new ResNet('resnet50');
      const pixels = tf.tidy(() => tf.slice(batchTensors(makeBatch()).pixels, 0, 1));
      if (backend === 'onnxruntime') {
        sides[backend] = (await measureForward(model, pixels, { output: 'pooled', repeats: 10 })).seconds;
      } else {
        const run = async () => {
          const result = tf.tidy(() => model.encode(pixels, inference).pooled);
          await result.data();
          result.dispose();
        };
        sides[backend] = await timed(run, { repeats: 3, warmUp: 1 });
      }
      model.dispose();
    }
    return sides;
  },

  lines: ({ ours }) => [
    line(
      'resnet50_vs_wasm',
      'images/s',
      pooled(ours, 'onnxruntime').map((s) => 1 / s),
      {
        reference: pooled(ours, 'wasm').map((s) => 1 / s),
        against: 'tfjs-backend-wasm',
        higherIsBetter: true,
        must: 8,
      },
    ),
  ],
};
