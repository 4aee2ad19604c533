// The seed step over texts of four lengths in turns: its peak memory beside the longest alone, and what it records.
import './lib/backend.mjs';
import { AdamW, Trainer } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { BenchLoss, buildModel, makeBatch } from './lib/dual-model.mjs';
import { peakRss } from './lib/samples.mjs';
import { now } from './lib/settings.mjs';
import { line } from './lib/statistics.mjs';

const GIB = 2 ** 30;
const LENGTHS = [16, 32, 48, 64];
const ROUNDS = 3;

/** Trains on batches of these lengths; seconds of each step, what each round recorded, and the peak of memory. */
async function train(lengths) {
  const trainer = new Trainer(buildModel('seed'), {
    loss: new BenchLoss(),
    optimizer: new AdamW({ learningRate: 5e-5, decayOn: 'all' }),
    rhythmEvery: 0,
  });
  const batches = lengths.map((tokens) => makeBatch({ tokens }));
  const recorded = [];
  const seconds = [];
  let start = now();
  await trainer.fit(
    { epoch: () => batches },
    {
      epochs: ROUNDS,
      onStep: () => {
        seconds.push(now() - start);
        if (seconds.length % lengths.length === 0) recorded.push(tf.backend().stats().compiled.recorded);
        start = now();
      },
    },
  );
  return { seconds, recorded, peakRss: peakRss() };
}

export default {
  names: ['seed_buckets_peak_rss', 'seed_buckets_recorded_later', 'seed_buckets_step'],
  rounds: 1,

  prepare: () => train([LENGTHS.at(-1)]),

  measure: () => train(LENGTHS),

  lines({ prepared: alone, ours }) {
    const ratio = ({ peakRss }) => peakRss / alone.peakRss;
    const later = ({ recorded }) => recorded.at(-1) - recorded[0];
    const lastOfLongest = ({ seconds }) => seconds.at(-1);
    const peaks = { alone: alone.peakRss / GIB, buckets: ours[0].peakRss / GIB };
    return [
      { ...line('seed_buckets_peak_rss', 'of the longest alone', ours.map(ratio), { must: 1.2 }), peaks },
      line('seed_buckets_recorded_later', 'recordings', ours.map(later), { must: 0 }),
      // What it costs that the sessions do not keep their memory: the same length, in turns and alone.
      line('seed_buckets_step', 's', ours.map(lastOfLongest), {
        reference: [lastOfLongest(alone)],
        against: 'the longest alone',
      }),
    ];
  },
};
