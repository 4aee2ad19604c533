import '@tensorflow/tfjs-backend-cpu';
import { adapters, encodeSafetensors, memorySource, stateDict, type TensorData } from '@diptych/weights';
import { describe, expect, it } from 'vitest';
import { Bert } from './bert/bert.js';
import { ClipText } from './clip/clip-text.js';
import { withVocabSize } from './token-table.js';

const SIZES = {
  vocabSize: 40,
  hiddenSize: 8,
  numLayers: 1,
  numHeads: 2,
  intermediateSize: 12,
  maxPositions: 16,
};
const hubConfig = {
  model_type: 'bert',
  vocab_size: 40,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 16,
};

async function checkpoint() {
  const bert = new Bert(SIZES, { seed: 3 });
  const source = memorySource({
    'config.json': JSON.stringify(hubConfig),
    'model.safetensors': encodeSafetensors(await stateDict(bert)),
  });
  const table = bert.embeddings.wordEmbeddings.weight.arraySync();
  bert.dispose();
  return { source, table };
}

describe('vocabSize of fromPretrained', () => {
  it("adds rows at the mean of the old ones, a hair's breadth around it, as transformers does", async () => {
    const { source, table } = await checkpoint();
    const longer = await Bert.fromPretrained(source, { vocabSize: 43, seed: 1 });
    expect(longer.vocabSize).toBe(43);
    expect(longer.describe().options).toMatchObject({ architecture: { vocabSize: 43 } });
    const rows = longer.embeddings.wordEmbeddings.weight.arraySync();
    expect(rows.slice(0, 40)).toEqual(table);
    const mean = table[0]!.map((_, i) => table.reduce((sum, row) => sum + row[i]! / 40, 0));
    for (const row of rows.slice(40)) {
      for (const [i, value] of row.entries()) expect(Math.abs(value - mean[i]!)).toBeLessThan(1e-5);
    }
    expect(rows[40]).not.toEqual(rows[41]);
    longer.dispose();
  });

  it('starts them at random where asked, and cuts surplus ones', async () => {
    const { source, table } = await checkpoint();
    const random = await Bert.fromPretrained(source, { vocabSize: 41, newTokens: 'normal', seed: 1 });
    const [row] = random.embeddings.wordEmbeddings.weight.arraySync().slice(40);
    expect(Math.max(...row!.map(Math.abs))).toBeGreaterThan(0.005);
    const shorter = await Bert.fromPretrained(source, { vocabSize: 30 });
    expect(shorter.embeddings.wordEmbeddings.weight.arraySync()).toEqual(table.slice(0, 30));
    await expect(Bert.fromPretrained(source, { vocabSize: 1.5 })).rejects.toThrow(/vocabSize to be a whole number/);
    random.dispose();
    shorter.dispose();
  });

  it('keeps the spread of the old rows in the covariance of the new', () => {
    const [rows, width, count] = [50, 3, 4000];
    const data = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i * 12.9898) * (1 + (i % width)));
    const name = 'embeddings.word_embeddings.weight';
    const tensor: TensorData = { dtype: 'float32', shape: [rows, width], data };
    const stored = {
      name: 'x',
      metadata: {},
      infos: new Map([[name, { storedDtype: 'F32', shape: [rows, width], byteLength: data.byteLength }]]),
      read: () => tensor,
    };
    const longer = withVocabSize(stored, {
      where: 'test',
      adapter: adapters.bert,
      target: name,
      vocabSize: rows + count,
    });
    const made = longer.read(name).data.subarray(rows * width);
    for (let column = 0; column < width; column++) {
      const deviation = (values: ArrayLike<number>) => {
        const own = Array.from(values).filter((_, i) => i % width === column);
        const mean = own.reduce((a, b) => a + b, 0) / own.length;
        return Math.sqrt(own.reduce((a, b) => a + (b - mean) ** 2, 0) / own.length);
      };
      expect(deviation(made) / (deviation(data) * Math.sqrt(1e-9))).toBeCloseTo(1, 1);
    }
  });

  it("works on CLIP's text tower", async () => {
    const sizes = { vocabSize: 20, maxPositions: 8, hiddenSize: 8, numLayers: 1, numHeads: 2, projectionDim: 4 };
    const clip = new ClipText(sizes);
    const text = {
      vocab_size: 20,
      max_position_embeddings: 8,
      hidden_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 32,
    };
    const source = memorySource({
      'config.json': JSON.stringify({ model_type: 'clip', text_config: text, projection_dim: 4 }),
      'model.safetensors': encodeSafetensors(await stateDict(clip)),
    });
    const longer = await ClipText.fromPretrained(source, { vocabSize: 22 });
    expect([longer.vocabSize, longer.config.eosTokenId]).toEqual([22, 19]);
    clip.dispose();
    longer.dispose();
  });
});
