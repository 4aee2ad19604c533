import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { inference, type NegativeBatch, type PairBatch } from '@diptych/core';
import { AdamW, InfoNCE, infoNCE, Matryoshka, MultiModalEncoder, Trainer, withNegatives } from '@diptych/train';
import { stateDict } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { sourceOf, TinyImageEncoder, TinyTextEncoder, tinyBatches } from '../../test/tiny-model.js';
import { tinyModel, tinyTrainer } from '../../test/tiny-run.js';

const pairs = tinyBatches(2, 6);
/** Three pictures and seven longer texts; one of each is a positive of the first batch's second pair. */
const [pictures] = tinyBatches(1, 3, { seed: 8 }) as [PairBatch];
const [texts] = tinyBatches(1, 7, { seed: 9, length: 6 }) as [PairBatch];
const negatives: NegativeBatch = {
  image: { pixels: pictures.pixels, ids: ['pair 1', 'x', 'y'] },
  text: { tokens: texts.tokens, ids: ['pair 1', 'pair 4', 'a', 'b', 'c', 'd', 'e'] },
};

async function train(negative: NegativeBatch | undefined, chunkSize?: number) {
  const model = tinyModel({ batchNorm: false });
  const optimizer = new AdamW({ learningRate: 0.1, eps: 1e-2 });
  const trainer = tinyTrainer(model, { chunkSize, optimizer });
  const losses: number[] = [];
  await trainer.fit(
    withNegatives(sourceOf(pairs), () => negative),
    {
      steps: 4,
      onStep: ({ loss }) => {
        losses.push(loss);
      },
    },
  );
  const state = await stateDict(model);
  trainer.dispose();
  model.dispose();
  return { losses, state };
}

describe.each(['cpu', 'onnxruntime'])('batches with hard negatives on %s', (backend) => {
  it('train on what infoNCE makes of the towers’ vectors of all of them', async () => {
    await tf.setBackend(backend);
    const model = new MultiModalEncoder({ image: new TinyImageEncoder(), text: new TinyTextEncoder() });
    const ints = (values: Int32Array, shape: readonly number[]) => tf.tensor(values, [...shape], 'int32');
    const image = ({ pixels: { data, shape } }: Pick<PairBatch, 'pixels'>) =>
      model.encodeImage(tf.tensor(data, [...shape]), inference).pooled;
    const text = ({ tokens: { inputIds, attentionMask, shape } }: Pick<PairBatch, 'tokens'>) =>
      model.encodeText({ inputIds: ints(inputIds, shape), attentionMask: ints(attentionMask, shape) }).pooled;
    const numbers = (...values: number[]) => tf.tensor1d(values, 'int32');
    const wanted = infoNCE(image(pairs[0]!), text(pairs[0]!), model.logitScale, {
      positives: numbers(0, 1, 2, 3, 4, 5),
      negatives: {
        image: { pooled: image(pictures), ids: numbers(1, 10, 11) },
        text: { pooled: text(texts), ids: numbers(1, 4, 12, 13, 14, 15, 16) },
      },
    }).dataSync()[0]!;
    const trainer = new Trainer(model, { loss: new InfoNCE() });
    const source = withNegatives(sourceOf(pairs), () => negatives);
    const { loss } = await trainer.fit(source, { steps: 1 });
    expect(loss).toBeCloseTo(wanted, 5);
  });

  it.each([2, 4, 7])('in chunks of %d equal the whole batch, dropout included', async (chunkSize) => {
    await tf.setBackend(backend);
    const [whole, chunked] = [await train(negatives), await train(negatives, chunkSize)];
    for (const [i, loss] of chunked.losses.entries()) expect(loss).toBeCloseTo(whole.losses[i]!, 4);
    for (const [name, { data }] of chunked.state) {
      const wanted = whole.state.get(name)!.data;
      for (let i = 0; i < data.length; i++) expect(Math.abs(data[i]! - wanted[i]!), name).toBeLessThan(1e-5);
    }
  });
});

describe('batches with hard negatives', () => {
  it('leave everything else to the source, with its own batches', async () => {
    const back: PairBatch[] = [];
    class Source {
      #place = 0;
      batchesPerEpoch = 2;
      epoch = () => pairs;
      state = () => ++this.#place;
      fingerprint = async () => 'content';
      recycle(batch: PairBatch) {
        this.#place++;
        back.push(batch);
      }
    }
    const source = withNegatives(new Source(), () => negatives);
    for await (const batch of source.epoch(0)) source.recycle!(batch);
    expect(back).toEqual(pairs);
    expect(back[0]).toBe(pairs[0]);
    expect(source.state!()).toBe(3);
    expect(await source.fingerprint!()).toBe('content');
    expect(source.resume).toBeUndefined();
  });

  it('may have pictures or texts alone, which do not count as pairs', async () => {
    await tf.setBackend('cpu');
    const plain = await train(undefined);
    for (const part of ['image', 'text'] as const) {
      const { losses } = await train({ [part]: negatives[part] });
      expect(losses[0]).toBeGreaterThan(plain.losses[0]!);
    }
    const trainer = tinyTrainer();
    const source = withNegatives(sourceOf(pairs), () => negatives);
    expect((await trainer.evaluate(source)).pairs).toBe(12);
    expect(source.batchesPerEpoch).toBe(2);
  });

  it('are cut to each width by Matryoshka', async () => {
    await tf.setBackend('cpu');
    const loss = async (dims: number[], negative?: NegativeBatch) => {
      const model = new MultiModalEncoder({ image: new TinyImageEncoder(), text: new TinyTextEncoder() });
      const trainer = new Trainer(model, { loss: new Matryoshka({ loss: new InfoNCE(), dims }) });
      return (
        await trainer.fit(
          withNegatives(sourceOf(pairs), () => negative),
          { steps: 1 },
        )
      ).loss;
    };
    expect(await loss([3, 8], negatives)).toBeGreaterThan(await loss([3, 8]));
    expect(await loss([8], negatives)).not.toBeCloseTo(await loss([3], negatives), 3);
  });

  it('are refused in another layout, and without an id each', async () => {
    const fit = (negative: NegativeBatch) =>
      tinyTrainer().fit(
        withNegatives(sourceOf(pairs), () => negative),
        { steps: 1 },
      );
    const { pixels } = pictures;
    const bytes = { ...pixels, data: Uint8Array.from(pixels.data) };
    await expect(fit({ image: { pixels: bytes, ids: ['x', 'y', 'z'] } })).rejects.toThrow(/layout of the pairs/);
    await expect(fit({ image: { pixels, ids: ['x'] } })).rejects.toThrow(/3 rows, 1 ids/);
    const tokens = { ...texts.tokens, tokenTypeIds: texts.tokens.attentionMask };
    await expect(fit({ text: { tokens, ids: negatives.text!.ids } })).rejects.toThrow(/negatives\.text/);
  });
});
