// Heads of 768 on the stored features of two frozen towers, batch 1,024: whole steps of the Trainer, batching included.
// Three losses: InfoNCE on the heads; with a term on each pair's fused vector; with matching on hard negatives (three pairs each).
import './lib/backend.mjs';
import { stateless } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { AdamW, FeatureSet, ImageTextMatching, InfoNCE, MultiModalEncoder, Trainer, WeightedSum } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { pooled } from './lib/samples.mjs';
import { now } from './lib/settings.mjs';
import { line } from './lib/statistics.mjs';

const [PAIRS, WIDTH, BATCH, STEPS, WARM] = [8192, 768, 1024, 14, 4];

const meanSquare = {
  ...stateless,
  compute: ({ fuse }) => ({ loss: tf.mean(tf.square(fuse().fused)), parts: {} }),
};

function features() {
  const values = () => ({
    data: Float32Array.from({ length: PAIRS * WIDTH }, () => Math.random() - 0.5),
    shape: [PAIRS, WIDTH],
  });
  return new FeatureSet(
    values(),
    values(),
    Array.from({ length: PAIRS }, (_, i) => `${i}`),
  );
}

async function pairsPerSecond(set, fusion, loss) {
  const model = new MultiModalEncoder({
    image: set.imageHead({ embedDim: WIDTH }),
    text: set.textHead({ embedDim: WIDTH }),
    ...(fusion && { fusion }),
  });
  const trainer = new Trainer(model, { loss, optimizer: new AdamW(), rhythmEvery: 0 });
  const samples = [];
  let last = now();
  await trainer.fit(set.source({ batchSize: BATCH }), {
    steps: STEPS,
    onStep: ({ step, loss: value }) => {
      if (!Number.isFinite(value)) throw new Error(`loss ${value}`);
      const time = now();
      if (step > WARM) samples.push(BATCH / (time - last));
      last = time;
    },
  });
  trainer.dispose();
  model.dispose();
  return samples;
}

export default {
  names: ['frozen_heads', 'frozen_heads_attention', 'frozen_heads_matching'],

  async measure() {
    const set = features();
    const attention = () => new AttentionFusion({ embedDim: WIDTH, numHeads: 8, normalize: true });
    const contrastive = { name: 'contrastive', loss: new InfoNCE() };
    const square = new WeightedSum([contrastive, { name: 'square', loss: meanSquare }]);
    const matching = new WeightedSum([contrastive, { name: 'matching', loss: new ImageTextMatching() }]);
    return {
      heads: await pairsPerSecond(set, undefined, new InfoNCE()),
      attention: await pairsPerSecond(set, attention(), square),
      matching: await pairsPerSecond(set, attention(), matching),
    };
  },

  lines: ({ ours }) => [
    line('frozen_heads', 'pairs/s', pooled(ours, 'heads'), { higherIsBetter: true, must: 15_000 }),
    line('frozen_heads_attention', 'pairs/s', pooled(ours, 'attention'), { higherIsBetter: true, must: 4_000 }),
    line('frozen_heads_matching', 'pairs/s', pooled(ours, 'matching'), { higherIsBetter: true }),
  ],
};
