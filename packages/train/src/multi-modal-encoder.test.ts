import '@tensorflow/tfjs-backend-cpu';
import {
  ConfigError,
  type EncoderOutput,
  type FusedOutputs,
  inference,
  stateless,
  type TowerOutputs,
} from '@diptych/core';
import { AttentionFusion, CoAttentionFusion, GatedFusion } from '@diptych/fusion';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { TinyImageEncoder, TinyTextEncoder } from '../test/tiny-model.js';
import { tinyModel } from '../test/tiny-run.js';
import { ImageTextMatching, InfoNCE, MultiModalEncoder, Trainer, WeightedSum } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

const towers = () => ({ image: new TinyImageEncoder(), text: new TinyTextEncoder() });
const pixels = () => tf.randomUniform([3, 4, 4, 3]);
const tokens = () => ({
  inputIds: tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], 'int32'),
  attentionMask: tf.tensor2d([1, 1, 1, 0, 1, 1], [3, 2], 'int32'),
});

describe('MultiModalEncoder', () => {
  it('names its parameters by the part they belong to, as every other place calls it', () => {
    const names = [...tinyModel().namedParameters()].map(([name]) => name);
    expect(new Set(names.map((name) => name.split('.')[0]))).toEqual(
      new Set(['image', 'text', 'fusion', 'matcher', 'logit_scale']),
    );
    expect(names).toContain('fusion.in_proj_weight');
    expect([...tinyModel().namedBuffers()].map(([name]) => name)).toEqual([
      'image.bn.running_mean',
      'image.bn.running_var',
    ]);
  });

  it('takes plain objects as parts, finds their parameters and frees them', () => {
    const weight = tf.variable(tf.ones([3, 8]));
    const image = {
      ...stateless,
      embedDim: 8,
      encode: (x: tf.Tensor4D) => {
        const pooled = tf.matMul(tf.mean(x, [1, 2]), weight);
        return { pooled, sequence: tf.expandDims(pooled, 1) };
      },
      namedParameters: () => [['weight', weight]],
      dispose: () => weight.dispose(),
    };
    const model = new MultiModalEncoder({ image, text: new TinyTextEncoder() });
    expect([...model.namedParameters()]).toContainEqual(['image.weight', weight]);
    expect(model.encodeImage(pixels()).pooled.shape).toEqual([3, 8]);
    model.dispose();
    expect(weight.isDisposed).toBe(true);
  });

  it('gives what the caller frees, and nothing else', () => {
    const model = tinyModel();
    const [x, t] = [pixels(), tokens()];
    const before = tf.memory().numTensors;
    const image = model.encodeImage(x);
    const text = model.encodeText(t);
    const { fused, attention } = model.fuse(image, text);
    const logits = model.matchLogits(fused);
    expect(logits.shape).toEqual([3]);
    tf.dispose([image.pooled, image.sequence, text.pooled, text.sequence, text.mask!, fused, attention!.pair!, logits]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([
    ['attention', () => new AttentionFusion({ embedDim: 8, numHeads: 2 })],
    ['co-attention', () => new CoAttentionFusion({ embedDim: 8, numHeads: 2 })],
  ])('fuses any pairing of rows (%s)', (_, fusion) => {
    const model = new MultiModalEncoder({ ...towers(), fusion: fusion() });
    const outputs = model.forward(pixels(), tokens());
    const rows = (...values: number[]) => tf.tensor1d(values, 'int32');
    const straight = outputs.fuse().fused.arraySync();
    const crossed = outputs.fuse(rows(2, 0, 1), rows(2, 0, 0)).fused.arraySync();
    crossed[0]!.forEach((value, i) => {
      expect(value).toBeCloseTo(straight[2]![i]!, 5);
    });
    expect(crossed[2]).not.toEqual(straight[1]);
  });

  it('fuses without a modality where the fusion has placeholders', () => {
    const make = (placeholders: boolean) =>
      new MultiModalEncoder({ ...towers(), fusion: new GatedFusion({ embedDim: 8, placeholders }) });
    const model = make(true);
    const outputs = model.forward(pixels(), tokens());
    const rows = tf.tensor1d([2, 0], 'int32');
    const alone = model.fuse(outputs.image, undefined).fused;
    expect(alone.shape).toEqual([3, 8]);
    expect(outputs.fuse(undefined, null).fused.arraySync()).toEqual(alone.arraySync());
    const texts = model.fuse(undefined, outputs.text).fused.arraySync();
    expect(outputs.fuse(null, rows).fused.arraySync()).toEqual([texts[2], texts[0]]);
    expect(() => outputs.fuse(null, null)).toThrow(/neither/);
    const whole = make(false).forward(pixels(), tokens());
    expect(() => whole.fuse(null)).toThrow(/the image is missing.*placeholders: true/);
    const product = {
      ...stateless,
      embedDim: 8,
      fuse: (a: EncoderOutput, b: EncoderOutput) => ({ fused: tf.mul(a.pooled, b.pooled) }),
    };
    expect(() => new MultiModalEncoder({ ...towers(), fusion: product }).fuse(outputs.image, undefined)).toThrow(
      /the text is missing/,
    );
  });

  it.each([
    [undefined, /train\.MultiModalEncoder: expected an object of options/],
    [{ image: new TinyImageEncoder() }, /expected the option text, got only image/],
    [
      { ...towers(), imageEncoder: 1, fuson: 2 },
      /got imageEncoder, fuson; did you mean image for imageEncoder, fusion for fuson\?/,
    ],
    [{ ...towers(), image: 'resnet50' }, /image to be a part with encode\(\).*got string/],
    [{ ...towers(), fusion: new TinyImageEncoder() }, /fusion to be a part with fuse\(\)/],
    [
      { ...towers(), fusion: new GatedFusion({ embedDim: 8 }), matcher: { forward: () => 1 } },
      /matcher to be a part.*with forward/,
    ],
  ])('refuses options %#', (options, message) => {
    expect(() => new MultiModalEncoder(options as never)).toThrow(message);
    expect(() => new MultiModalEncoder(options as never)).toThrow(ConfigError);
  });

  it('keeps the factor on similarities between 1 and 100', () => {
    const model = new MultiModalEncoder(towers());
    for (const [set, expected] of [
      [9, Math.log(100)],
      [-1, 0],
      [2, 2],
    ] as const) {
      model.logitScale.assign(tf.scalar(set));
      model.constrain();
      expect(model.logitScale.dataSync()[0]).toBeCloseTo(expected, 5);
    }
    const free = new MultiModalEncoder({ ...towers(), maxScale: null });
    free.logitScale.assign(tf.scalar(9));
    free.constrain();
    expect(free.logitScale.dataSync()[0]).toBe(9);
  });

  it('describes itself by its parts', () => {
    expect(tinyModel().describe()).toMatchObject({
      kind: 'train/multi-modal-encoder',
      options: {
        image: { kind: 'test/tiny-image' },
        text: { kind: 'test/tiny-text' },
        fusion: { kind: 'fusion/attention' },
      },
    });
    const nameless = { ...stateless, embedDim: 8, encode: new TinyImageEncoder().encode };
    expect(() => new MultiModalEncoder({ image: nameless, text: new TinyTextEncoder() }).describe()).toThrow(
      /describe: image: this part has no describe/,
    );
  });

  it('checks the shapes of what parts give and of what it is given', () => {
    const part = { ...stateless, embedDim: 8 };
    const encode = () => ({ pooled: tf.ones([3, 8, 1]), sequence: tf.ones([3, 1, 8]) });
    const fuse = () => ({ fused: tf.ones([3, 16]) });
    const model = new MultiModalEncoder({
      image: { ...part, encode },
      text: new TinyTextEncoder(),
      fusion: { ...part, fuse },
    });
    expect(() => model.encodeImage(pixels())).toThrow(/encodeImage: expected pooled of shape \[B,8\], got \[3,8,1\]/);
    expect(() => model.encodeImage(tf.ones([4, 4, 3]))).toThrow(/pixels of shape \[B,height,width,channels\]/);
    expect(() => model.encodeText({ ...tokens(), attentionMask: tf.ones([3, 1], 'int32') })).toThrow(/attentionMask/);
    const text = model.encodeText(tokens());
    expect(() => model.fuse(text, text)).toThrow(/fused of shape \[B,8\], got \[3,16\]/);
    expect(() => model.matchLogits(tf.ones([3, 7]))).toThrow(/fused of shape \[P,8\]/);
  });

  it('refuses parts that do not fit, with what to do', () => {
    const image = new TinyImageEncoder({ embedDim: 16 });
    expect(() => new MultiModalEncoder({ image, text: new TinyTextEncoder() })).toThrow(
      /image 16, text 8.*same `embedDim`/,
    );
    expect(() => new MultiModalEncoder({ ...towers(), matcher: true })).toThrow(/no fusion/);
    const plain = new MultiModalEncoder(towers());
    const encoded = new MultiModalEncoder(towers()).encodeImage(pixels());
    expect(() => plain.fuse(encoded, encoded)).toThrow(/build it with one/);
    expect(() => plain.matchLogits(encoded.pooled)).toThrow(/no matcher/);
  });
});

describe('types', () => {
  it('keep a loss that needs a fusion from a model without one', () => {
    const check = () => {
      const plain = new MultiModalEncoder(towers());
      const fusing = new MultiModalEncoder({ ...towers(), fusion: new AttentionFusion({ embedDim: 8 }) });
      expectTypeOf(plain.forward(pixels(), tokens(), inference)).toEqualTypeOf<TowerOutputs>();
      expectTypeOf(fusing.forward(pixels(), tokens(), inference)).toEqualTypeOf<FusedOutputs>();
      new Trainer(plain, { loss: new InfoNCE() });
      new Trainer(fusing, { loss: new InfoNCE() });
      new Trainer(fusing, { loss: new ImageTextMatching() });
      // @ts-expect-error matching reads fused vectors
      new Trainer(plain, { loss: new ImageTextMatching() });
      const both = [
        { name: 'a', loss: new InfoNCE() },
        { name: 'b', loss: new ImageTextMatching() },
      ];
      new Trainer(fusing, { loss: new WeightedSum(both) });
      // @ts-expect-error so does a sum with matching in it
      new Trainer(plain, { loss: new WeightedSum<FusedOutputs>(both) });
      // @ts-expect-error the towers are in each other's places
      new MultiModalEncoder({ image: new TinyTextEncoder(), text: new TinyImageEncoder() });
    };
    expectTypeOf(check).toBeFunction();
  });
});
