// ResNet-50 + BERT-base + attention fusion, batch 8, 224 px, 64 tokens, AdamW, dropout 0.1, batch norm in training.
import { trainingStepBench } from './lib/training-step.mjs';

export default trainingStepBench({
  size: 'seed',
  row: 'seed_step',
  steps: 5,
  bounds: { time: { must: 1.1, aim: 1.3 }, memory: { must: 0.8, aim: 1 }, cold: { must: 10, aim: 3 } },
});
