// ResNet-18 + MiniLM-sized BERT (384 wide, 6 layers) + attention fusion: the size that a laptop trains.
import { trainingStepBench } from './lib/training-step.mjs';

export default trainingStepBench({
  size: 'small',
  row: 'small_step',
  steps: 10,
  bounds: { time: { must: 1.1, aim: 1.3 }, memory: {}, cold: {} },
});
