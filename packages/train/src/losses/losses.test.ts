import '@tensorflow/tfjs-backend-cpu';
import {
  type Context,
  type FusedOutputs,
  inference,
  type Loss,
  type LossBatch,
  type TowerOutputs,
} from '@diptych/core';
import { Generator, randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  Distillation,
  distillAffinity,
  ImageTextMatching,
  InfoNCE,
  infoNCE,
  Matryoshka,
  SigLIP,
  StatelessLoss,
  sigLIP,
  Triplet,
  triplet,
  WeightedSum,
} from '../index.js';

beforeAll(() => tf.setBackend('cpu'));

const D = 6;
const random = (seed: number, rows: number): tf.Tensor2D =>
  tf.tensor2d(new Generator(seed).normal(rows * D), [rows, D]);
const ids = (...values: number[]) => tf.tensor1d(values, 'int32');
const read = (x: tf.Tensor) => x.dataSync()[0]!;

function outputs(image: tf.Tensor2D, text: tf.Tensor2D): FusedOutputs {
  const encoded = (pooled: tf.Tensor2D) => ({ pooled, sequence: tf.expandDims(pooled, 1) as tf.Tensor3D });
  return {
    image: encoded(image),
    text: encoded(text),
    logitScale: tf.scalar(Math.log(10)),
    logitBias: tf.scalar(-5),
    fuse: (imageRows, textRows) => {
      const [a, b] = [imageRows ? tf.gather(image, imageRows) : image, textRows ? tf.gather(text, textRows) : text];
      return { fused: tf.mul(a, b) };
    },
    matchLogits: (fused) => tf.sum(fused, 1),
  };
}

const LOSSES: Record<string, () => Loss<FusedOutputs>> = {
  InfoNCE: () => new InfoNCE({ labelSmoothing: 0.1 }),
  SigLIP: () => new SigLIP(),
  'Triplet max': () => new Triplet(),
  'Triplet sum': () => new Triplet({ hinges: 'sum' }),
  ImageTextMatching: () => new ImageTextMatching(),
  Matryoshka: () => new Matryoshka({ loss: new InfoNCE(), dims: [2, 6] }),
  Distillation: () => new Distillation(),
  'Distillation of affinities': () => new Distillation({ mode: 'affinity' }),
};

describe.each(Object.entries(LOSSES))('%s is safe', (_, make) => {
  const training: Context = { training: true, random: randomStream(0, 3) };
  const run = (image: tf.Tensor2D, text: tf.Tensor2D, positives?: tf.Tensor1D) => {
    const targets = { image: random(8, image.shape[0]), text: random(9, image.shape[0]) };
    const batch: LossBatch = { size: image.shape[0], positives, targets };
    const compute = (a: tf.Tensor2D, b: tf.Tensor2D) => make().compute(outputs(a, b), batch, training).loss;
    const { value, grads } = tf.valueAndGrads((a, b) => compute(a as tf.Tensor2D, b as tf.Tensor2D))([image, text]);
    return { loss: read(value), gradients: grads.map((grad) => [...grad.dataSync()]) };
  };
  const finite = ({ loss, gradients }: ReturnType<typeof run>) => {
    expect(Number.isFinite(loss)).toBe(true);
    expect(gradients.flat().every(Number.isFinite)).toBe(true);
  };

  it('with rows of zeros', () => {
    const zero = tf.mul(random(1, 5), tf.tensor2d([1, 1, 0, 1, 1], [5, 1])) as tf.Tensor2D;
    finite(run(zero, random(2, 5)));
    finite(run(tf.zeros([5, D]), tf.zeros([5, D])));
  });

  it('with one item', () => finite(run(random(1, 1), random(2, 1))));

  it('with positives only', () => finite(run(random(1, 4), random(2, 4), ids(3, 3, 3, 3))));

  it('with huge vectors', () => finite(run(tf.mul(random(1, 4), 1e15), tf.mul(random(2, 4), 1e-15))));
});

describe.each(Object.entries(LOSSES).filter(([name]) => !/Distillation/.test(name)))('%s', (_, make) => {
  it('does not see rows that do not count', () => {
    const run = (rows: number, positives: tf.Tensor1D) => {
      const [image, text] = [random(1, 6), random(2, 6)].map((x) => tf.slice(x, [0, 0], [rows, D]));
      return read(make().compute(outputs(image!, text!), { size: rows, positives }, inference).loss);
    };
    expect(run(6, ids(0, 1, 0, 2, -1, -1))).toBeCloseTo(run(4, ids(0, 1, 0, 2)), 4);
  });
});

describe('InfoNCE', () => {
  it('takes explicit hard negatives into one direction', () => {
    const [image, text, more] = [random(1, 4), random(2, 4), random(3, 2)];
    const plain = read(infoNCE(image, text, 1));
    expect(read(infoNCE(image, text, 1, { negatives: { text: { pooled: more } } }))).toBeGreaterThan(plain);
    expect(read(infoNCE(image, text, 1, { negatives: { image: { pooled: more } } }))).toBeGreaterThan(plain);
    // as extra rows that are nobody's partner would do
    const all = tf.concat([text, more]);
    const unit = (x: tf.Tensor2D) => tf.div(x, tf.norm(x, 2, 1, true));
    const logits = tf.mul(tf.matMul(unit(image), unit(all), false, true), Math.E);
    const wanted = tf.neg(tf.mean(tf.sum(tf.mul(tf.slice(tf.logSoftmax(logits), [0, 0], [4, 4]), tf.eye(4)), 1)));
    const back = 2 * plain - read(infoNCE(image, text, 1, { negatives: { text: { pooled: more } } })) * 2;
    const forward = tf.neg(
      tf.mean(
        tf.sum(tf.mul(tf.logSoftmax(tf.mul(tf.matMul(unit(image), unit(text), false, true), Math.E)), tf.eye(4)), 1),
      ),
    );
    expect(read(forward) - read(wanted)).toBeCloseTo(back, 4);
  });

  it('with label smoothing 1 - 1/N of uniform targets, is the mean over all columns', () => {
    const [image, text] = [random(1, 3), random(2, 3)];
    const hard = read(infoNCE(image, text, 0));
    const soft = read(infoNCE(image, text, 0, { labelSmoothing: 0.3 }));
    const even = read(infoNCE(image, text, 0, { positives: ids(1, 1, 1) }));
    expect(soft).toBeCloseTo(0.7 * hard + 0.3 * even, 5);
  });

  it('has the temperature as a gradient, or a fixed one', () => {
    const batch = { size: 4 };
    const towers = outputs(random(1, 4), random(2, 4));
    const learned = tf.grad(
      (scale) => new InfoNCE().compute({ ...towers, logitScale: scale as tf.Scalar }, batch).loss,
    )(tf.scalar(2));
    expect(Math.abs(read(learned))).toBeGreaterThan(1e-4);
    const fixed = read(new InfoNCE({ temperature: 0.5 }).compute(towers, batch).loss);
    expect(fixed).toBeCloseTo(read(infoNCE(towers.image.pooled, towers.text.pooled, Math.log(2))), 5);
    expect(() => new InfoNCE({ temperature: 0 })).toThrow(/above 0/);
    expect(() => new InfoNCE({ labelSmoothing: 1 })).toThrow(/\[0, 1\)/);
  });
});

describe('ids', () => {
  it('make other captions of one picture positives, not negatives', () => {
    const image = random(1, 3);
    const text = tf.gather(image, ids(0, 0, 2)); // captions 0 and 1 say the same
    const twins = tf.gather(image, ids(0, 0, 2));
    expect(read(triplet(twins, text, {}, ids(7, 7, 9)))).toBeLessThan(read(triplet(twins, text)));
    expect(read(sigLIP(twins, text, 2, -5, ids(7, 7, 9)))).toBeLessThan(read(sigLIP(twins, text, 2, -5)));
  });
});

describe('ImageTextMatching', () => {
  const context: Context = { training: true, random: randomStream(5, 1) };

  it('never takes a positive for a negative, and leaves out rows without a wrong partner', () => {
    const pairs: [number[], number[]][] = [];
    const towers = outputs(random(1, 5), random(2, 5));
    const spied: FusedOutputs = {
      ...towers,
      fuse: (imageRows, textRows) => {
        pairs.push([[...imageRows!.dataSync()], [...textRows!.dataSync()]]);
        return towers.fuse(imageRows, textRows);
      },
    };
    const group = [4, 4, 6, 6, 6];
    for (let step = 0; step < 20; step++) {
      const training: Context = { training: true, random: randomStream(5, step) };
      new ImageTextMatching().compute(spied, { size: 5, positives: ids(...group) }, training);
    }
    for (const [images, texts] of pairs) {
      for (let i = 0; i < images.length; i++) {
        expect(group[images[i]!] === group[texts[i]!], `${i}`).toBe(i < 5);
      }
    }
    expect(new Set(pairs.map(String)).size).toBeGreaterThan(10);
  });

  it('draws the more similar ones more often', () => {
    const image = tf.tensor2d([1, 0, 0, 1, 0.9, 0.1], [3, 2]);
    let near = 0;
    const towers = outputs(image, image);
    const counting: FusedOutputs = {
      ...towers,
      fuse: (imageRows, textRows) => {
        if (textRows!.dataSync()[3] === 2) near++;
        return towers.fuse(imageRows, textRows);
      },
    };
    for (let step = 0; step < 100; step++) {
      new ImageTextMatching().compute(counting, { size: 3 }, { training: true, random: randomStream(0, step) });
    }
    // softmax(10 * cosine) of cosines 0 and .994: nearly always
    expect(near).toBeGreaterThan(95);
  });

  it('gives gradients to the towers through the fusion', () => {
    const [image, text] = [random(1, 4), random(2, 4)];
    const gradient = tf.grad(
      (x) => new ImageTextMatching().compute(outputs(x as tf.Tensor2D, text), { size: 4 }, context).loss,
    )(image);
    expect(read(tf.sum(tf.abs(gradient)))).toBeGreaterThan(0);
  });
});

describe('WeightedSum', () => {
  it('adds up, names parts, and asks for what its terms ask', () => {
    const towers = outputs(random(1, 4), random(2, 4));
    const sum = new WeightedSum<FusedOutputs>([
      { name: 'a', loss: new InfoNCE() },
      { name: 'b', loss: new ImageTextMatching(), weight: 0.25 },
    ]);
    const { loss, parts } = sum.compute(towers, { size: 4 }, inference);
    expect(read(loss)).toBeCloseTo(read(parts.a!) + 0.25 * read(parts.b!), 5);
    expect(Object.keys(parts)).toEqual(['a', 'a.scale', 'b', 'b.matchingAccuracy']);
    expect(() => new WeightedSum([])).toThrow(/at least one term/);
    expect(
      () =>
        new WeightedSum([
          { name: 'a', loss: new InfoNCE() },
          { name: 'a', loss: new Triplet() },
        ]),
    ).toThrow(/own/);
  });

  it('owns the parameters of its terms', () => {
    const variable = tf.variable(tf.scalar(1));
    class Own extends StatelessLoss {
      override compute() {
        return { loss: tf.mul(variable, 2), parts: {} };
      }
      override namedParameters(): Iterable<[string, tf.Variable]> {
        return [['weight', variable]];
      }
    }
    const names = [...new WeightedSum([{ name: 'own', loss: new Own() }]).namedParameters()].map(([name]) => name);
    expect(names).toEqual(['own.weight']);
  });
});

describe('Matryoshka', () => {
  it('is the mean of the loss at each width', () => {
    const towers: TowerOutputs = outputs(random(1, 4), random(2, 4));
    const { loss, parts } = new Matryoshka({ loss: new InfoNCE(), dims: [2, 6] }).compute(
      towers,
      { size: 4 },
      inference,
    );
    expect(read(parts.dim6!)).toBeCloseTo(read(new InfoNCE().compute(towers, { size: 4 }).loss), 5);
    expect(read(loss)).toBeCloseTo((read(parts.dim2!) + read(parts.dim6!)) / 2, 5);
    expect(() => new Matryoshka({ loss: new InfoNCE(), dims: [8] }).compute(towers, { size: 4 }, inference)).toThrow(
      /6/,
    );
    expect(() => new Matryoshka({ loss: new InfoNCE(), dims: [4, 4] })).toThrow(/rising/);
  });
});

describe('Distillation', () => {
  it('is zero where student and teacher agree', () => {
    const [image, text] = [random(1, 4), random(2, 4)];
    const towers = outputs(image, text);
    const targets = { image: tf.mul(image, 3), text };
    expect(read(new Distillation().compute(towers, { size: 4, targets }).loss)).toBeCloseTo(0, 5);
    const wide = (x: tf.Tensor2D) => tf.concat([x, tf.zeros([4, 2])], 1) as tf.Tensor2D;
    expect(read(distillAffinity({ image, text }, { image: wide(image), text: wide(text) }))).toBeCloseTo(0, 5);
    expect(read(distillAffinity({ image, text }, { image: random(5, 4), text }))).toBeGreaterThan(0.01);
  });

  it('says what is missing', () => {
    const towers = outputs(random(1, 2), random(2, 2));
    expect(() => new Distillation().compute(towers, { size: 2 })).toThrow(/no targets.*storedTargets/);
    expect(() => new SigLIP().compute({ ...towers, logitBias: undefined }, { size: 2 })).toThrow(/logitBias: -10/);
  });
});
