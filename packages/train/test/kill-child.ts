// Trains on, on the backend argv[4], from the latest checkpoint in the folder argv[2] to step argv[3], and says each loss bit by bit.
import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { FolderCheckpoints } from '@diptych/train/node';
import * as tf from '@tensorflow/tfjs-core';
import { sourceOf, tinyBatches } from './tiny-model.js';
import { tinyTrainer } from './tiny-run.js';

const [folder, steps, backend] = process.argv.slice(2);
await tf.setBackend(backend!);
await tinyTrainer().fit(sourceOf(tinyBatches(5, 4)), {
  steps: Number(steps),
  checkpoint: new FolderCheckpoints(folder!),
  checkpointEvery: { steps: 1 },
  resume: true,
  onEvent: (event) => {
    if (event.kind === 'checkpointDamaged') console.log(`damaged ${event.message}`);
    if (event.kind === 'checkpoint' || event.kind === 'resumed') console.log(`${event.kind} ${event.step}`);
  },
  onStep: ({ step, loss }) => {
    console.log(`step ${step} ${Buffer.from(Float32Array.of(loss).buffer).toString('hex')}`);
  },
});
console.log('finished');
