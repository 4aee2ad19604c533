// A bench of whole training steps: Trainer.fit on one batch, against the same model in PyTorch.
import './backend.mjs';
import { AdamW, Trainer } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { BenchLoss, batchTensors, buildModel, makeBatch, readState, writeBatch, writeState } from './dual-model.mjs';
import { agreementLine, peakRss, pooled } from './samples.mjs';
import { now } from './settings.mjs';
import { line } from './statistics.mjs';

const GIB = 2 ** 30;

/** The bench of one size; `bounds` of the time and memory ratios and of the cold start in seconds. */
export function trainingStepBench({ size, row, steps, bounds }) {
  return {
    names: [row, `${row}_peak_rss`, `${row}_cold`, `${row}_first_loss`],
    torch: { row, steps, warmUp: 1 },

    /** Initial weights and batch for both sides, and our first loss with batch-norm statistics of the batch, no dropout. */
    async prepare(folder) {
      const model = buildModel(size, { dropout: 0 });
      await writeState(folder, model);
      const batch = makeBatch();
      await writeBatch(folder, batch);
      const loss = tf.tidy(() => {
        const { pixels, text } = batchTensors(batch);
        const context = { training: true, random: { state: tf.tensor1d([0, 0, 0], 'int32') } };
        return new BenchLoss().compute(model.forward(pixels, text, context)).loss;
      });
      return { loss: (await loss.data())[0] };
    },

    async measure(folder) {
      const model = buildModel(size);
      readState(folder, model);
      const optimizer = new AdamW({ learningRate: 5e-5, weightDecay: 0.01, decayOn: 'all' });
      // Comparing parameters with copies of themselves, every 50 steps, is no part of a step, and PyTorch's side does not.
      const trainer = new Trainer(model, { loss: new BenchLoss(), optimizer, rhythmEvery: 0 });
      const batch = makeBatch();
      const times = [now()];
      const losses = [];
      await trainer.fit(
        { epoch: () => [batch] },
        {
          epochs: steps + 2,
          onStep: ({ loss }) => {
            times.push(now());
            losses.push(loss);
          },
        },
      );
      const all = times.slice(1).map((time, i) => time - times[i]);
      // The first step records and compiles, and touches all memory for the first time; one more warms up.
      const seconds = all.slice(2);
      return { seconds, cold: all[0] - Math.min(...seconds), losses, peakRss: peakRss() };
    },

    lines: ({ prepared, ours, torch }) => [
      line(row, 's/step', pooled(ours), { reference: pooled(torch), against: 'PyTorch', ...bounds.time }),
      line(
        `${row}_peak_rss`,
        'GiB',
        ours.map((run) => run.peakRss / GIB),
        {
          reference: torch?.map((run) => run.peak_rss / GIB),
          against: 'PyTorch',
          ...bounds.memory,
        },
      ),
      line(
        `${row}_cold`,
        's',
        ours.map((run) => run.cold),
        bounds.cold,
      ),
      agreementLine(`${row}_first_loss`, prepared, torch),
    ],
  };
}
