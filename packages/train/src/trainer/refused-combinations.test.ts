import '@diptych/tfjs-backend-onnxruntime';
import { Matrix, type PairBatch, type TowerOutputs } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import {
  Classification,
  Distillation,
  ImageTextMatching,
  InfoNCE,
  LabelLoss,
  Matryoshka,
  MultiModalEncoder,
  Regression,
  StepRunner,
  storedTargets,
  Trainer,
  type TrainerOptions,
  Triplet,
  WeightedSum,
  warmupCosine,
} from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { TinyImageEncoder, TinyTextEncoder, tinyBatches } from '../../test/tiny-model.js';

beforeAll(() => tf.setBackend('onnxruntime'));

/** Two towers of width 8, without more. */
const towers = () => ({ image: new TinyImageEncoder(), text: new TinyTextEncoder() });
const plain = () => new MultiModalEncoder(towers());
const fused = () => new MultiModalEncoder({ ...towers(), fusion: new AttentionFusion({ embedDim: 8, numHeads: 2 }) });
const headed = () =>
  new MultiModalEncoder({
    ...towers(),
    heads: { kind: new Classification({ embedDim: 8, classes: 2, on: 'image' }) },
  });

const ids = tinyBatches(1, 4)[0]!.ids;
const teacher = (width: number, ...sides: ('image' | 'text')[]) =>
  storedTargets({
    ids,
    ...Object.fromEntries(sides.map((side) => [side, new Matrix(new Float32Array(4 * width), [4, width])])),
  });
const sum = (...losses: TrainerOptions['loss'][]) =>
  new WeightedSum(losses.map((loss, i) => ({ name: `term${i}`, loss })));

/** Nobody may ask it for a batch. */
const unread = (labels?: readonly string[]) => ({
  labels,
  epoch(): PairBatch[] {
    throw new Error('a batch was read');
  },
});

type Options = TrainerOptions<TowerOutputs>;
const table: [string, () => MultiModalEncoder, Options, RegExp][] = [
  [
    'Distillation without the option targets',
    plain,
    { loss: new Distillation() },
    /train.Distillation: expected targets.image or targets.text, got no targets; .*targets: storedTargets\(/,
  ],
  ['… inside a sum', plain, { loss: sum(new InfoNCE(), new Distillation()) }, /train.Distillation: .*got no targets/],
  [
    'affinity with one side',
    plain,
    { loss: new Distillation({ mode: 'affinity' }), targets: teacher(16, 'image') },
    /expected targets.image and targets.text, got targets image/,
  ],
  [
    'a teacher of another width, by cosine',
    plain,
    { loss: new Distillation(), targets: teacher(16, 'image', 'text') },
    /targets.image: expected vectors of the model's embedDim, 8, got 16 numbers a vector; .*affinity/,
  ],
  [
    'a teacher by cosine at several widths',
    plain,
    { loss: new Matryoshka({ loss: new Distillation(), dims: [4, 8] }), targets: teacher(8, 'image') },
    /embedDim, 4, got 8/,
  ],
  [
    'a width beyond the model',
    plain,
    { loss: new Matryoshka({ loss: new InfoNCE(), dims: [4, 16] }) },
    /widths of at most 8, the model's embedDim, got \[4, 16\]/,
  ],
  ['labels without heads', plain, { loss: new LabelLoss() }, /expected a model with heads, got one without/],
  [
    'heads that all have weight 0',
    headed,
    { loss: new LabelLoss({ weights: { kind: 0 } }) },
    /a weight above 0 for one of the heads kind/,
  ],
  [
    'a schedule that is none',
    plain,
    { loss: new InfoNCE(), schedule: (() => warmupCosine({ total: 4, warmup: 1 })) as unknown as () => number },
    /schedule: expected a factor from 0 for step 0/,
  ],
];

describe('a loss and options that do not go together', () => {
  it.each(table)('%s: the constructor says so', (_, model, options, message) => {
    expect(() => new Trainer(model(), options)).toThrow(message);
  });

  it.each<[string, () => MultiModalEncoder, Options, readonly string[] | undefined, RegExp]>([
    [
      'a fusion that the loss ignores',
      fused as unknown as () => MultiModalEncoder,
      { loss: sum(new InfoNCE(), new Triplet()) },
      undefined,
      /none for fusion \(4 parameters.*matcher \(weight, bias\).*ImageTextMatching/,
    ],
    ['heads that the loss ignores', headed, { loss: new InfoNCE() }, undefined, /none for heads/],
    [
      'labels that the source does not have',
      headed,
      { loss: new LabelLoss() },
      ['colour'],
      /a column "kind" of labels in the batches, got colour; .*labels: \{ kind: 'class' \}/,
    ],
    [
      'everything frozen',
      plain,
      { loss: new InfoNCE(), freeze: [{ match: /./ }] },
      undefined,
      /expected parameters that train, got \d+ parameters, all of them frozen/,
    ],
  ])('%s: fit says so before it reads a batch', async (_, model, options, labels, message) => {
    await expect(new Trainer(model(), options).fit(unread(labels), { steps: 1 })).rejects.toThrow(message);
  });

  it('a loss of fused vectors cannot be cut to widths', () => {
    const loss = new ImageTextMatching() as unknown as InfoNCE;
    expect(() => new Matryoshka({ loss, dims: [4] })).toThrow(/reads fusion.*WeightedSum/);
    expect(() => new Matryoshka({ loss: new LabelLoss(), dims: [4] })).toThrow(/reads heads/);
  });

  it('teachers without vectors, or without one for each id', () => {
    expect(() => storedTargets({ ids })).toThrow(/image or text vectors, or both, got ids alone/);
    const short = new Matrix(new Float32Array(6), [2, 3]);
    expect(() => storedTargets({ ids, image: short })).toThrow(/4 rows in image, one for each id, got 2/);
  });
});

describe('a batch whose rows do not fit, before a step computes on it', () => {
  const [batch] = tinyBatches(1, 4) as [PairBatch];
  const step = (model: MultiModalEncoder, loss: Options['loss'], given: PairBatch, targets = {}) =>
    new StepRunner({ model, loss }).run(given, { step: 0, targets });
  const withHeads = (kind: Classification | Regression) => new MultiModalEncoder({ ...towers(), heads: { kind } });
  const classes = (options: { multiLabel?: boolean } = {}) =>
    withHeads(new Classification({ embedDim: 8, classes: 3, on: 'image', ...options }));

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'targets of another loop that are not there',
      () => step(plain(), new Distillation(), batch),
      /train.Distillation: .*got no targets/,
    ],
    [
      'targets of other pairs',
      () => step(plain(), new Distillation(), batch, { image: { data: new Float32Array(24), shape: [3, 8] } }),
      /targets.image: expected \{ data, shape: \[4, width\] \}, a row for each pair, got shape \[3,8\]/,
    ],
    [
      'a class that there is not',
      () => step(classes(), new LabelLoss(), { ...batch, labels: { kind: Int32Array.of(0, 3, -1, 2) } }),
      /class numbers up to 2, for its 3 classes, got 3; .*labelNames\(\)/,
    ],
    [
      'one class where there may be several',
      () => step(classes({ multiLabel: true }), new LabelLoss(), { ...batch, labels: { kind: new Int32Array(4) } }),
      /labels of shape \[4,3\], got 4 numbers/,
    ],
    [
      'fewer numbers than the head gives',
      () =>
        step(withHeads(new Regression({ embedDim: 8, outputs: 2, on: 'text' })), new LabelLoss(), {
          ...batch,
          labels: { kind: new Float32Array(4) },
        }),
      /labels of shape \[4,2\], got 4 numbers/,
    ],
    [
      'labels of another name',
      () => step(headed(), new LabelLoss(), { ...batch, labels: { colour: new Int32Array(4) } }),
      /a column "kind" of labels in the batches, got colour/,
    ],
  ])('%s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });
});
