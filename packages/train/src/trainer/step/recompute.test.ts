import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import type { Context, EncoderOutput, ImageEncoder } from '@diptych/core';
import { BatchNorm2d, Conv2d, Dropout, Generator, Linear, Module } from '@diptych/nn';
import { AdamW, InfoNCE, MultiModalEncoder, Trainer } from '@diptych/train';
import { stateDict } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { sourceOf, TinyTextEncoder, tinyBatches } from '../../../test/tiny-model.js';

let atLoss = 0;

class Block extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;
  readonly drop = new Dropout(0.2);
  constructor(into: number, out: number, generator: Generator) {
    super();
    this.conv = new Conv2d(into, out, 3, { generator, padding: 1 });
    this.bn = new BatchNorm2d(out);
  }
  forward(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    return this.drop.forward(tf.relu(this.bn.forward(this.conv.forward(x), context)), context);
  }
}

class Stack extends Module implements ImageEncoder {
  readonly layers: Block[];
  readonly fc: Linear;
  readonly embedDim = 8;
  constructor() {
    super();
    const generator = new Generator(3);
    this.layers = [new Block(3, 6, generator), new Block(6, 6, generator), new Block(6, 6, generator)];
    this.fc = new Linear(6, 8, { generator });
  }
  encode(pixels: tf.Tensor4D, context: Context): EncoderOutput {
    let x = pixels;
    for (const layer of this.layers) x = layer.forward(x, context);
    atLoss = tf.memory().numBytes;
    const pooled = this.fc.forward(tf.mean(x, [1, 2]));
    return { pooled, sequence: tf.expandDims(pooled, 1) };
  }
}

async function train(recompute: string[], chunkSize?: number) {
  const model = new MultiModalEncoder({ image: new Stack(), text: new TinyTextEncoder() });
  const optimizer = new AdamW({ learningRate: 0.01, eps: 1e-3 });
  const trainer = new Trainer(model, { loss: new InfoNCE(), optimizer, recompute, chunkSize, rhythmEvery: 0 });
  const losses: number[] = [];
  await trainer.fit(sourceOf(tinyBatches(2, 6)), {
    steps: 4,
    onEvent: () => {},
    onStep: ({ loss }) => {
      losses.push(loss);
    },
  });
  const state = await stateDict(model);
  trainer.dispose();
  model.dispose();
  return { losses, state, bytes: atLoss };
}

describe.each(['cpu', 'onnxruntime'])('recomputation on %s', (backend) => {
  it.each([undefined, 3])(
    'gives the same step, running statistics and dropout included (chunks of %s)',
    async (chunks) => {
      await tf.setBackend(backend);
      const plain = await train([], chunks);
      const again = await train(['image.layers.*'], chunks);
      for (const [i, loss] of again.losses.entries()) expect(loss).toBeCloseTo(plain.losses[i]!, 5);
      for (const [name, { data }] of again.state) {
        const wanted = plain.state.get(name)!.data;
        for (let i = 0; i < data.length; i++) expect(data[i], name).toBeCloseTo(wanted[i]!, 5);
      }
    },
  );
});

describe('recomputation', () => {
  it('keeps less between forward and backward', async () => {
    await tf.setBackend('cpu');
    const plain = await train([]);
    const again = await train(['image.layers.*']);
    expect(again.bytes).toBeLessThan(0.5 * plain.bytes);
  });

  it('says which pattern chooses nothing', async () => {
    await tf.setBackend('cpu');
    await expect(train(['image.blocks.*'])).rejects.toThrow(
      /blocks with a forward \(.*image\.layers\.0.*got image\.blocks/,
    );
    await expect(train(['**.nothing'])).rejects.toThrow(/got \*\*\.nothing/);
  });
});
