import '@diptych/tfjs-backend-onnxruntime';
import { type Context, inference, type TextInput } from '@diptych/core';
import { AttentionFusion, CoAttentionFusion } from '@diptych/fusion';
import { matchingAccuracy } from '@diptych/metrics';
import {
  embed,
  embedPairs,
  encodeItems,
  evaluate,
  MultiModalEncoder,
  releaseCompiled,
  scorePairs,
  scorerOf,
} from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { sourceOf, TinyImageEncoder, TinyTextEncoder, tinyBatches } from '../../test/tiny-model.js';
import { tinyModel } from '../../test/tiny-run.js';

beforeAll(() => tf.setBackend('onnxruntime'));
afterEach(() => vi.restoreAllMocks());

/** Texts of 4 tokens, then of 6. */
const ragged = () => sourceOf([...tinyBatches(1, 6), ...tinyBatches(1, 3, { seed: 7, length: 6 })]);

const pooledFusion = () => new AttentionFusion({ embedDim: 8, numHeads: 2 });
const sequenceFusion = () => new CoAttentionFusion({ embedDim: 8, numHeads: 2, numLayers: 1 });

const modelWith = (fusion: AttentionFusion | CoAttentionFusion) =>
  new MultiModalEncoder({ image: new TinyImageEncoder(), text: new TinyTextEncoder(), fusion });

describe('embed', () => {
  it('gives blocks in order, with the outputs that are asked for', async () => {
    const model = tinyModel();
    const blocks = [];
    for await (const block of embed(model, ragged(), { outputs: ['text', 'fused'], from: 4, pairs: 8 }))
      blocks.push(block);
    expect(blocks.map(({ first, ids }) => [first, ids.length])).toEqual([
      [4, 2],
      [6, 2],
    ]);
    expect(Object.keys(blocks[0]!).sort()).toEqual(['captions', 'first', 'fused', 'ids', 'text']);
    const all = await embedPairs(model, ragged(), { outputs: ['text', 'fused'] });
    expect(all.fused.shape).toEqual([9, 8]);
    expect(blocks[1]!.fused.toArray()).toEqual(all.fused.toArray().slice(6, 8));
  });

  it('replays at the second call what the first recorded', async () => {
    const model = tinyModel();
    const encode = vi.spyOn(model, 'encodeText');
    const first = await embedPairs(model, ragged());
    const traced = encode.mock.calls.length;
    expect(traced).toBeGreaterThan(0);
    expect((await embedPairs(model, ragged())).text.data).toEqual(first.text.data);
    expect(encode.mock.calls.length).toBe(traced);
    releaseCompiled(model);
    await embedPairs(model, ragged());
    expect(encode.mock.calls.length).toBeGreaterThan(traced);
  });

  it('carries labels, and refuses fused vectors of a model without fusion', async () => {
    const [batch] = tinyBatches(1, 4);
    const labels = { group: Int32Array.of(3, 1, 0, 2), box: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
    const model = new MultiModalEncoder({ image: new TinyImageEncoder(), text: new TinyTextEncoder() });
    const found = await embedPairs(model, sourceOf([{ ...batch!, labels }]), { from: 1, pairs: 3 });
    expect(found.labels).toEqual({ group: Int32Array.of(1, 0), box: Float32Array.of(3, 4, 5, 6) });
    await expect(embedPairs(model, ragged(), { outputs: ['fused'] })).rejects.toThrow(
      /has no fusion.*build it with one/s,
    );
  });
});

describe('scorePairs', () => {
  it.each([
    ['pooled vectors', pooledFusion, false],
    ['sequences', sequenceFusion, true],
  ])('gives what the matcher gives for a fusion on %s', async (_, fusion, keepsSequences) => {
    const model = modelWith(fusion());
    const items = await encodeItems(model, ragged());
    expect(items.ids).toHaveLength(9);
    expect(items.image.sequence !== undefined).toBe(keepsSequences);
    if (keepsSequences) expect(items.text.sequence!.shape).toEqual([9, 6, 8]);
    const [imageRows, textRows] = [Int32Array.of(0, 8, 3, 6, 7), Int32Array.of(8, 0, 3, 2, 7)];
    const logits = await scorePairs(model, items, imageRows, textRows, { batchSize: 2 });
    const wanted = [...imageRows].map((row, i) => directly(model, row, textRows[i]!));
    for (const [i, logit] of logits.entries()) expect(logit).toBeCloseTo(wanted[i]!, 5);
    const accuracy = await matchingAccuracy(items.image.pooled, items.text.pooled, scorerOf(model, items));
    expect(accuracy).toBeGreaterThanOrEqual(0);
  });

  it('says what is missing', async () => {
    const model = modelWith(sequenceFusion());
    const { image, text } = await encodeItems(model, ragged());
    const pooled = { image: { pooled: image.pooled }, text: { pooled: text.pooled } };
    await expect(scorePairs(model, pooled, [0], [0])).rejects.toThrow(/reads sequences.*encodeItems/s);
    await expect(scorePairs(model, { image, text }, [9], [0])).rejects.toThrow(/image rows from 0 to 8, got 9/);
    await expect(scorePairs(model, { image, text }, [1], [])).rejects.toThrow(/as many text rows/);
    const plain = new MultiModalEncoder({ image: new TinyImageEncoder(), text: new TinyTextEncoder() });
    await expect(encodeItems(plain, ragged())).rejects.toThrow(/has no fusion/);
  });
});

describe('evaluate', () => {
  const batches = tinyBatches(3, 6);

  it('reads every row in order where the source can, whatever its epochs are', async () => {
    const source = { epoch: () => batches.slice(0, 1), inOrder: () => batches };
    expect((await evaluate(tinyModel(), source)).pairs).toBe(18);
    expect((await evaluate(tinyModel(), source, { pairs: 7 })).textToImage.candidates).toBe(7);
  });

  it('takes equal captions for right answers to each other', async () => {
    const one = batches.map((batch) => ({
      ...batch,
      tokens: {
        ...batch.tokens,
        inputIds: batch.tokens.inputIds.map((id, i) => (i < 8 ? 1 : id)),
        attentionMask: batch.tokens.attentionMask.map((bit, i) => (i < 8 ? 1 : bit)),
      },
    }));
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const model = tinyModel();
    const together = await evaluate(model, sourceOf(one), { onWarning });
    const apart = await evaluate(model, sourceOf(one), { onWarning, equalCaptions: false });
    expect(together.textToImage.mrr).toBeGreaterThan(apart.textToImage.mrr);
    expect(warnings).toEqual([expect.stringMatching(/^6 of 18 pairs have one caption: .*equalCaptions: false$/)]);
  });

  it('warns where one id is right for a large share', async () => {
    const warnings: string[] = [];
    const same = tinyBatches(2, 6, { ids: false });
    await evaluate(tinyModel(), sourceOf(same), { onWarning: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringMatching(/^12 of 12 pairs have one id \("same"\)/)]);
  });
});

/** One pair through towers, fusion and matcher. */
function directly(model: ReturnType<typeof modelWith>, imageRow: number, textRow: number): number {
  const rows = [...tinyBatches(1, 6), ...tinyBatches(1, 3, { seed: 7, length: 6 })];
  const place = (row: number) => (row < 6 ? ([rows[0]!, row] as const) : ([rows[1]!, row - 6] as const));
  return tf.tidy(() => {
    const [a, i] = place(imageRow);
    const [b, j] = place(textRow);
    const length = b.tokens.shape[1]!;
    const tokens = (values: Int32Array) =>
      tf.tensor2d(values.slice(j * length, (j + 1) * length), [1, length], 'int32');
    const pixels = tf.tensor4d((a.pixels.data as Float32Array).slice(i * 48, (i + 1) * 48), [1, 4, 4, 3]);
    const text: TextInput = { inputIds: tokens(b.tokens.inputIds), attentionMask: tokens(b.tokens.attentionMask) };
    const context: Context = inference;
    const { fused } = model.fuse(model.encodeImage(pixels, context), model.encodeText(text, context), context);
    return model.matchLogits(fused).dataSync()[0]!;
  });
}
