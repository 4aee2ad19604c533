import type { FusedOutputs, Loss, LossBatch } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';
import { evaluate, type HostTensor, requireClose, requireFinite } from './host-tensor.js';
import { type PartContract, requireGradients, statefulChecks, withPart } from './stateful-checks.js';
import { fusedOutputs, randomTowers, type TowerOutputsOptions, type TowerVectors } from './tower-outputs.js';

/** What {@link testLoss} is told of a loss. */
export interface LossContract extends PartContract<Loss<FusedOutputs>> {
  /** Width of the made-up vectors. Default 16. */
  readonly embedDim?: number;
  /** The loss falls when pairs are alike: true for contrastive and matching losses, which is the default. */
  readonly rewardsAlignment?: boolean;
  /** The loss takes into account which rows are positives of each other. Default false: it may ignore them. */
  readonly usesPositives?: boolean;
}

/**
 * Checks that a loss keeps the contract of `Loss`, as tests of a suite. A loss on towers alone is checked with the same
 * outputs, whose fusion it does not look at.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testLoss(runner: Runner, name: string, contract: LossContract): void {
  register(runner, name, lossChecks(contract));
}

/** The checks of {@link testLoss}, for use without a test runner. */
export function lossChecks(contract: LossContract): Check[] {
  checkContract('testing.lossChecks', contract, 'create');
  const { create, embedDim = 16, rewardsAlignment = true, usesPositives = false, withoutGradient = [] } = contract;

  const withCase = async <Result>(
    size: number,
    seed: number,
    options: TowerOutputsOptions,
    use: (towers: TowerVectors, compute: Compute) => Promise<Result>,
  ) => {
    const towers = randomTowers(size, embedDim, seed, options);
    const random = randomStream(seed, 1);
    const compute: Compute = (loss, { image, text } = towers, batch = { size }) =>
      loss.compute(fusedOutputs({ image, text }), batch, { training: true, random });
    try {
      return await use(towers, compute);
    } finally {
      tf.dispose([towers.image, towers.text, random.state]);
    }
  };
  const run = (loss: Loss<FusedOutputs>, compute: Compute, batch?: LossBatch) =>
    evaluate<string>(() => {
      const { loss: total, parts } = compute(loss, undefined, batch);
      return { loss: total, ...Object.fromEntries(Object.entries(parts).map(([key, part]) => [`part ${key}`, part])) };
    });

  const special: readonly (readonly [string, number, TowerOutputsOptions])[] = [
    ['a usual batch', 6, {}],
    ['a batch of one pair', 1, {}],
    ['rows of zeros', 4, { zeroRows: [1, 2] }],
    ['pairs that are equal', 4, { alignment: 1 }],
  ];
  return [
    ...special.map(
      ([what, size, options], index): Check => ({
        name: `gives finite scalars and gradients for ${what}`,
        run: () =>
          withPart(create, (loss) =>
            withCase(size, index + 1, options, async (towers, compute) => {
              for (const [key, value] of Object.entries(await run(loss, compute))) requireFinite(key, value, []);
              const gradients = await towerGradients(loss, towers, compute);
              for (const [key, value] of Object.entries(gradients)) {
                requireFinite(`the gradient of ${key}`, value, [size, embedDim]);
              }
            }),
          ),
      }),
    ),
    {
      name: 'gives the same result twice from the same stream',
      run: () =>
        withPart(create, (loss) =>
          withCase(5, 5, {}, async (_, compute) => {
            const first = await run(loss, compute);
            for (const [key, value] of Object.entries(await run(loss, compute))) {
              requireClose(`${key}, computed twice,`, value, first[key], 0);
            }
          }),
        ),
    },
    {
      name: 'gets a gradient to both towers and to every parameter of its own',
      run: () =>
        withPart(create, (loss) =>
          withCase(6, 6, {}, async (towers, compute) => {
            for (const [key, { values }] of Object.entries(await towerGradients(loss, towers, compute))) {
              ensure(
                values.some((value) => value !== 0),
                `the gradient of the ${key} vectors is zero everywhere`,
              );
            }
            await requireGradients(loss, withoutGradient, () => compute(loss).loss as tf.Scalar);
          }),
        ),
    },
    ...(rewardsAlignment
      ? [
          {
            name: 'is smaller for pairs that are alike than for unrelated ones',
            run: () =>
              withPart(create, async (loss) => {
                const of = (alignment: number) =>
                  withCase(8, 7, { alignment }, async (_, compute) => (await run(loss, compute)).loss!.values[0]!);
                const [alike, unrelated] = [await of(0.95), await of(0)];
                ensure(alike < unrelated, `${alike} for pairs that are alike, ${unrelated} for unrelated ones`);
              }),
          },
        ]
      : []),
    {
      name: usesPositives
        ? 'takes into account which rows are positives of each other'
        : 'takes a batch with positives',
      run: () =>
        withPart(create, (loss) =>
          withCase(6, 8, {}, async (_, compute) => {
            const positives = tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32');
            const grouped = await run(loss, compute, { size: 6, positives });
            positives.dispose();
            requireFinite('loss', grouped.loss, []);
            if (!usesPositives) return;
            const alone = await run(loss, compute);
            ensure(grouped.loss!.values[0] !== alone.loss!.values[0], 'positives make no difference');
          }),
        ),
    },
    ...statefulChecks(contract, (loss) =>
      withCase(3, 9, {}, async (_, compute) => {
        await run(loss, compute);
      }),
    ),
  ];
}

type Compute = (
  loss: Loss<FusedOutputs>,
  towers?: TowerVectors,
  batch?: LossBatch,
) => ReturnType<Loss<FusedOutputs>['compute']>;

async function towerGradients(
  loss: Loss<FusedOutputs>,
  { image, text }: TowerVectors,
  compute: Compute,
): Promise<Record<'image' | 'text', HostTensor>> {
  // Added zeros tie both to the result: tfjs refuses gradients of what a loss does not use.
  const [ofImage, ofText] = tf.grads((i: tf.Tensor, t: tf.Tensor) => {
    const { loss: total } = compute(loss, { image: i as tf.Tensor2D, text: t as tf.Tensor2D });
    return tf.add(total, tf.mul(tf.add(tf.sum(i), tf.sum(t)), 0));
  })([image, text]);
  return evaluate(() => ({ image: ofImage, text: ofText })).finally(() => tf.dispose([ofImage!, ofText!]));
}
