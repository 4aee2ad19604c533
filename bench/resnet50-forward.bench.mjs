// ResNet-50, inference, batches of 1, 8 and 32, against PyTorch and against an ONNX file written by hand.
import { ResNet } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { batchTensors, makeBatch, readState, writeBatch, writeState } from './lib/dual-model.mjs';
import { measureForward } from './lib/forward.mjs';
import { handExportedResNet50 } from './lib/hand-exported-resnet50.mjs';
import { agreementLine, rateLine, timed } from './lib/samples.mjs';
import { line } from './lib/statistics.mjs';

const BATCHES = [1, 8, 32];
const REPEATS = { 1: 20, 8: 6, 32: 2 };

function pixelsOf(rows) {
  return tf.tidy(() => {
    const { pixels } = batchTensors(makeBatch());
    return rows <= 8 ? tf.slice(pixels, 0, rows) : tf.tile(pixels, [rows / 8, 1, 1, 1]);
  });
}

export default {
  names: [
    'resnet50_forward_1',
    'resnet50_forward_8',
    'resnet50_forward_32',
    'resnet50_forward_value',
    'resnet50_forward_vs_onnx',
  ],
  torch: { row: 'resnet50_forward', steps: 6 },

  async prepare(folder) {
    const model = new ResNet('resnet50');
    await writeState(folder, model);
    await writeBatch(folder, makeBatch());
    return measureForward(model, pixelsOf(8), { output: 'pooled', repeats: 0, warmUp: 0 });
  },

  async measure(folder) {
    const model = new ResNet('resnet50');
    readState(folder, model);
    const batches = {};
    for (const rows of BATCHES) {
      const options = { output: 'pooled', repeats: REPEATS[rows] };
      batches[rows] = (await measureForward(model, pixelsOf(rows), options)).seconds;
    }
    const byHand = await handExportedResNet50(`${folder}/model.safetensors`, 8);
    const data = await pixelsOf(8).data();
    const handExported = await timed(() => byHand.run(data), { repeats: REPEATS[8] });
    byHand.dispose();
    return { batches, handExported };
  },

  lines({ prepared, ours, torch }) {
    const runs = (side, rows) => side?.map(({ batches }) => ({ seconds: batches[rows] }));
    const bounds = { must: 1.35, aim: 1.6 };
    return [
      ...BATCHES.map((rows) =>
        rateLine(`resnet50_forward_${rows}`, 'images/s', rows, runs(ours, rows), runs(torch, rows), bounds),
      ),
      agreementLine('resnet50_forward_value', prepared, torch),
      line(
        'resnet50_forward_vs_onnx',
        'images/s',
        ours.flatMap(({ batches }) => batches[8].map((s) => 8 / s)),
        {
          reference: ours.flatMap(({ handExported }) => handExported.map((s) => 8 / s)),
          against: 'an ONNX file written by hand',
          higherIsBetter: true,
          aim: 1,
        },
      ),
    ];
  },
};
