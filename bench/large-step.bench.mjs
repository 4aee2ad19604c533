// ResNet-152 + BERT-large + fusion, batch 2, 224 px, 64 tokens: parameters, gradients and moments of AdamW take more than one
// WebAssembly memory (4 GiB), and the step has to run within 24 GiB.
import './lib/backend.mjs';
import { AdamW, Trainer } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { BenchLoss, buildModel, makeBatch } from './lib/dual-model.mjs';
import { peakRss } from './lib/samples.mjs';
import { now } from './lib/settings.mjs';
import { line } from './lib/statistics.mjs';

const GIB = 2 ** 30;
const STEPS = 4;

export default {
  names: ['large_step', 'large_step_peak_rss', 'large_step_memories', 'large_step_loss'],
  rounds: 1,

  async measure() {
    const model = buildModel('large');
    const parameters = [...model.namedParameters()].map(([, variable]) => variable);
    const trainer = new Trainer(model, {
      loss: new BenchLoss(),
      optimizer: new AdamW({ learningRate: 1e-5, decayOn: 'all' }),
      rhythmEvery: 0,
    });
    const batch = makeBatch({ size: 2 });
    const [seconds, losses] = [[], []];
    let start = now();
    await trainer.fit(
      { epoch: () => [batch] },
      {
        epochs: STEPS,
        onStep: ({ loss }) => {
          seconds.push(now() - start);
          losses.push(loss);
          start = now();
        },
      },
    );
    const backend = tf.backend();
    const inPlace = parameters
      .map((variable) => backend.dataOf(variable))
      .filter((data) => backend.inPlace.holds(data));
    const memories = new Set(inPlace.map(({ buffer }) => buffer)).size;
    const count = parameters.reduce((sum, { size }) => sum + size, 0);
    return { seconds: seconds.slice(1), cold: seconds[0], losses, memories, count, peakRss: peakRss() };
  },

  lines({ ours }) {
    const { seconds, cold, losses, memories, count, peakRss } = ours[0];
    return [
      { ...line('large_step', 's/step', seconds), cold, parameters: count },
      line('large_step_peak_rss', 'GiB', [peakRss / GIB], { must: 24 }),
      { ...line('large_step_memories', 'WebAssembly memories', [memories]), met: memories > 1 },
      {
        ...line('large_step_loss', 'last of the first', [losses.at(-1) / losses[0]]),
        losses,
        met: losses.every(Number.isFinite),
      },
    ];
  },
};
