// BERT-base, inference, 8 rows of 64 tokens, all hidden states of the last layer.
import { Bert } from '@diptych/text';
import { BATCH, batchTensors, makeBatch, readState, writeBatch, writeState } from './lib/dual-model.mjs';
import { measureForward } from './lib/forward.mjs';
import { agreementLine, rateLine } from './lib/samples.mjs';

const measure = (model, repeats) =>
  measureForward(model, batchTensors(makeBatch()).text, { output: 'sequence', repeats });

export default {
  names: ['bert_forward', 'bert_forward_value'],
  torch: { row: 'bert_forward', steps: 8 },

  async prepare(folder) {
    const model = new Bert('bert-base-uncased');
    await writeState(folder, model);
    await writeBatch(folder, makeBatch());
    return measure(model, 0);
  },

  async measure(folder) {
    const model = new Bert('bert-base-uncased');
    readState(folder, model);
    return measure(model, 8);
  },

  lines: ({ prepared, ours, torch }) => [
    rateLine('bert_forward', 'tokens/s', BATCH.size * BATCH.tokens, ours, torch, { must: 1.05, aim: 1.2 }),
    agreementLine('bert_forward_value', prepared, torch),
  ],
};
