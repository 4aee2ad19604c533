import '@tensorflow/tfjs-backend-cpu';
import {
  type Encoder,
  type FusedOutputs,
  type Fusion,
  type ImageInput,
  inference,
  type Loss,
  stateless,
  type TextInput,
} from '@diptych/core';
import { memorySource } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Check, runChecks } from './check.js';
import { type EncoderContract, encoderChecks, testEncoder } from './encoder-contract.js';
import { contrastive, owning, pictures, product, quarters, texts, tokenMean, weight } from './example-parts.fixture.js';
import { fusionChecks, testFusion } from './fusion-contract.js';
import { lossChecks, testLoss } from './loss-contract.js';
import { testWeightSource, weightSourceChecks } from './weight-source-contract.js';

beforeAll(() => tf.setBackend('cpu'));

describe('parts that keep their contracts pass', () => {
  testEncoder({ describe, it }, 'an image encoder', { create: quarters, input: pictures });
  testEncoder({ describe, it }, 'a text encoder', { create: tokenMean, input: texts });
  testFusion({ describe, it }, 'a fusion', { create: product });
  testLoss({ describe, it }, 'a loss', { create: contrastive });
  testWeightSource({ describe, it }, 'a source', { create: memorySource });
});

/** The names of the checks that a part fails, and the first message. */
async function failuresOf(checks: Check[]): Promise<{ names: string[]; message: string }> {
  const failures = await runChecks(checks);
  return { names: failures.map(({ name }) => name), message: failures.map(({ error }) => String(error)).join('\n') };
}

describe('a broken image encoder is found out', () => {
  type Change = (part: Encoder<ImageInput>) => Partial<Encoder<ImageInput>>;
  const held: tf.Tensor[] = [];
  const cases: [what: string, change: Change, failing: string, contract?: Partial<EncoderContract<ImageInput>>][] = [
    ['another width than it says', () => ({ embedDim: 7 }), 'gives pooled'],
    [
      'NaN in a batch of one',
      (part) => ({
        encode: (pixels, context) => {
          const { sequence } = part.encode(pixels, context);
          const centred = tf.sub(sequence, tf.mean(sequence, 0, true));
          const std = tf.sqrt(tf.mean(tf.square(centred), 0, true));
          const scaled = tf.div(centred, std);
          return { pooled: tf.mean(scaled, 1), sequence: scaled };
        },
      }),
      'gives pooled',
    ],
    [
      'statistics of the batch',
      (part) => ({
        encode: (pixels, context) => {
          const { pooled, sequence } = part.encode(pixels, context);
          return { pooled: tf.sub(pooled, tf.mean(pooled, 0, true)), sequence };
        },
      }),
      'encodes a row the same in any batch',
    ],
    [
      'hidden randomness',
      (part) => ({
        encode: (pixels, context) => {
          const { pooled, sequence } = part.encode(pixels, context);
          return { pooled: tf.add(pooled, Math.random()), sequence };
        },
      }),
      'gives the same result twice',
    ],
    [
      'one vector for all',
      (part) => ({
        encode: (pixels, context) => {
          const { pooled, sequence } = part.encode(pixels, context);
          return { pooled: tf.mul(pooled, 0), sequence };
        },
      }),
      'tells different items apart',
    ],
    [
      'a parameter that nothing uses',
      (part) => {
        const unused = weight([2], 9);
        return {
          namedParameters: () => [...part.namedParameters(), ['unused', unused] as [string, tf.Variable]],
          dispose: () => {
            part.dispose();
            unused.dispose();
          },
        };
      },
      'gets a gradient to every parameter',
    ],
    [
      'training that never ends the same',
      (part) => ({
        encode: (pixels, context) => {
          const { pooled, sequence } = part.encode(pixels, context);
          return { pooled: context.training ? tf.mul(pooled, Math.random()) : pooled, sequence };
        },
      }),
      'trains the same way',
    ],
    [
      'a tensor that is kept at each call',
      (part) => ({
        encode: (pixels, context) => {
          held.push(tf.keep(tf.scalar(1)));
          return part.encode(pixels, context);
        },
      }),
      'frees all it made',
    ],
    ['a variable that dispose forgets', () => ({ dispose: () => {} }), 'frees all it made'],
    [
      'an input that it frees',
      (part) => ({
        encode: (pixels, context) => {
          const output = part.encode(pixels, context);
          pixels.dispose();
          return output;
        },
      }),
      'leaves its input to the caller',
    ],
    [
      'one name for two parameters',
      (part) => ({
        namedParameters: () =>
          [...part.namedParameters()].map(([, variable]) => ['weight', variable] as [string, tf.Variable]),
      }),
      'names each parameter',
    ],
    [
      'a description that JSON cannot hold',
      () => ({ describe: () => ({ kind: 'x', options: { rate: Number.NaN } }) }),
      'describes itself in JSON',
    ],
  ];
  it.each(cases)('%s', async (_, change, failing) => {
    const create = () => {
      const part = quarters();
      return { ...part, ...change(part) };
    };
    const { names, message } = await failuresOf(encoderChecks({ create, input: pictures }));
    expect(
      names.filter((name) => name.startsWith(failing)),
      message || 'nothing failed',
    ).not.toEqual([]);
    tf.disposeVariables();
    tf.dispose(held.splice(0));
  });

  it('instances that share a variable', async () => {
    const shared = weight([6, 3], 1);
    const create = (): Encoder<ImageInput> => ({
      ...owning({ shared }),
      embedDim: 6,
      encode: (pixels) => {
        const mean = tf.matMul(tf.mean(pixels, [1, 2]), shared, false, true);
        return { pooled: mean, sequence: tf.expandDims(mean, 1) };
      },
      dispose: () => {},
    });
    const { names, message } = await failuresOf(encoderChecks({ create, input: pictures }));
    expect(names).toEqual(['lets a second instance live beside it, and survive it']);
    expect(message).toContain('both instances hold the same variable "shared"');
    shared.dispose();
  });
});

describe('broken parts of other kinds are found out', () => {
  it('a text encoder that averages padding', async () => {
    const create = (): Encoder<TextInput> => {
      const part = tokenMean();
      return {
        ...part,
        encode: (input) => {
          const { sequence, mask } = part.encode(input, inference);
          return { pooled: tf.mean(sequence, 1), sequence, mask };
        },
      };
    };
    const { names } = await failuresOf(encoderChecks({ create, input: texts }));
    expect(names).toEqual(['does not see padding (encoders of texts)']);
  });

  const fusions: [string, (part: Fusion) => Fusion['fuse'], string][] = [
    [
      'a fusion that ignores the text',
      (part) => (image, _, context) => part.fuse(image, image, context),
      'looks at both',
    ],
    [
      'a fusion that ignores masks',
      (part) => (image, text, context) => {
        const pooled: tf.Tensor2D = tf.mean(text.sequence, 1);
        return part.fuse(image, { ...text, pooled }, context);
      },
      'does not see what the masks hide',
    ],
    [
      'a fusion that mixes pairs',
      (part) => (image, text, context) => {
        const { fused } = part.fuse(image, text, context);
        return { fused: tf.sub(fused, tf.mean(fused, 0, true)) };
      },
      'fuses a pair the same',
    ],
    [
      'attention that does not add up',
      (part) => (image, text, context) => ({
        ...part.fuse(image, text, context),
        attention: { map: tf.fill([image.pooled.shape[0], 1, 1, 1], 2) },
      }),
      'gives fused',
    ],
    [
      'a tower that cannot learn',
      (part) => (image, text, context) => {
        const stop = tf.customGrad((x) => ({
          value: tf.clone(x as tf.Tensor),
          gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
        }));
        return part.fuse(image, { ...text, pooled: stop(text.pooled) as tf.Tensor2D }, context);
      },
      'gets a gradient',
    ],
  ];
  it.each(fusions)('%s', async (_, change, failing) => {
    const create = () => {
      const part = product();
      return { ...part, fuse: change(part) };
    };
    const { names, message } = await failuresOf(fusionChecks({ create }));
    expect(
      names.some((name) => name.startsWith(failing)),
      message || 'nothing failed',
    ).toBe(true);
  });

  const losses: [string, Loss<FusedOutputs>['compute'], string][] = [
    [
      'a loss without the epsilon',
      ({ image, text }) => {
        const unit = (x: tf.Tensor2D) => tf.div(x, tf.norm(x, 2, 1, true));
        const loss = tf.neg(tf.mean(tf.sum(tf.mul(unit(image.pooled), unit(text.pooled)), 1)));
        return { loss, parts: {} };
      },
      'gives finite scalars and gradients for rows of zeros',
    ],
    [
      'a loss a pair, not a scalar',
      ({ image, text }) => ({ loss: tf.sum(tf.mul(image.pooled, text.pooled), 1), parts: {} }),
      'gives finite scalars and gradients for a usual batch',
    ],
    [
      'a loss with the wrong sign',
      ({ image, text }) => ({ loss: tf.mean(tf.mul(image.pooled, text.pooled)), parts: {} }),
      'is smaller for pairs that are alike',
    ],
    [
      'a loss of one tower',
      ({ image }) => ({ loss: tf.mean(tf.square(image.pooled)), parts: {} }),
      'gets a gradient to both towers',
    ],
    [
      'a loss with a random part',
      ({ image, text }) => {
        const loss = tf.mul(tf.mean(tf.squaredDifference(image.pooled, text.pooled)), Math.random());
        return { loss, parts: {} };
      },
      'gives the same result twice',
    ],
  ];
  it.each(losses)('%s', async (_, compute, failing) => {
    const { names, message } = await failuresOf(lossChecks({ create: () => ({ ...stateless, compute }) }));
    expect(
      names.some((name) => name.startsWith(failing)),
      message || 'nothing failed',
    ).toBe(true);
  });

  it('a loss that ignores positives, where it promises not to', async () => {
    const { names } = await failuresOf(lossChecks({ create: contrastive, usesPositives: true }));
    expect(names).toEqual(['takes into account which rows are positives of each other']);
  });

  it('a source that reads anything', async () => {
    const create = (files: Readonly<Record<string, Uint8Array>>) => {
      const source = memorySource(files);
      return { ...source, read: async (path: string) => files[path] ?? new Uint8Array(0) };
    };
    const { names } = await failuresOf(weightSourceChecks({ create }));
    expect(names).toEqual(['refuses what is missing or malformed with a WeightsError', 'does not leave its folder']);
  });
});
