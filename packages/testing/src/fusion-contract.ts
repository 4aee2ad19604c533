import { type Context, type Encoded, type Fusion, inference } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';
import { evaluate, type HostTensor, requireClose, requireFinite, snapshot } from './host-tensor.js';
import { randomNormal } from './random-normal.js';
import {
  checkedWidth,
  type PartContract,
  requireGradients,
  statefulChecks,
  trainTwice,
  variablesOf,
  withPart,
} from './stateful-checks.js';
import { randomEncoderOutput } from './tower-outputs.js';

/** What {@link testFusion} is told of a fusion. */
export interface FusionContract extends PartContract<Fusion> {
  /** Largest difference, relative to the largest value, between a pair alone and the pair in a batch. Default 1e-4. */
  readonly tolerance?: number;
}

/** Tokens of the made-up towers: different, so that a mix-up of the two shows. */
const IMAGE_TOKENS = 4;
const TEXT_TOKENS = 6;

/**
 * Checks that a fusion keeps the contract of `Fusion`, as tests of a suite.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testFusion(runner: Runner, name: string, contract: FusionContract): void {
  register(runner, name, fusionChecks(contract));
}

/** The checks of {@link testFusion}, for use without a test runner. */
export function fusionChecks(contract: FusionContract): Check[] {
  checkContract('testing.fusionChecks', contract, 'create');
  const { create, withoutGradient = [], tolerance = 1e-4 } = contract;

  const withTowers = async <Result>(
    size: number,
    seed: number,
    width: number,
    use: (towers: Towers) => Promise<Result>,
  ) => {
    const image = randomEncoderOutput(size, IMAGE_TOKENS, width, seed);
    const text = randomEncoderOutput(size, TEXT_TOKENS, width, seed + 100);
    try {
      return await use({ image, text });
    } finally {
      tf.dispose([image, text]);
    }
  };
  const withShortTowers = async (fusion: Fusion, use: (towers: Towers) => Promise<void>) => {
    const [image, text] = [
      randomEncoderOutput(2, 1, fusion.embedDim, 21),
      randomEncoderOutput(2, 1, fusion.embedDim, 22),
    ];
    try {
      await use({ image, text });
    } finally {
      tf.dispose([image, text]);
    }
  };
  const run = (fusion: Fusion, { image, text }: Towers, context: Context = inference) =>
    evaluate<string>(() => {
      const { fused, attention = {} } = fusion.fuse(image, text, context);
      return { fused, ...Object.fromEntries(Object.entries(attention).map(([key, map]) => [`attention.${key}`, map])) };
    });

  return [
    {
      name: 'gives fused [B,D] and attention [B,heads,queries,keys], for every batch size',
      run: () =>
        withPart(create, async (fusion) => {
          const embedDim = checkedWidth(fusion);
          for (const size of [1, 2, 3]) {
            await withTowers(size, size, embedDim, async (towers) => {
              const { fused, ...attention } = await run(fusion, towers);
              requireFinite('fused', fused, [size, embedDim]);
              for (const [key, map] of Object.entries(attention)) {
                requireFinite(key, map, [size, 'heads', 'queries', 'keys']);
                ensure(
                  map.values.every((weight) => weight >= 0 && weight <= 1 + 1e-5),
                  `${key} holds weights outside [0, 1]`,
                );
              }
            });
          }
        }),
    },
    {
      name: 'takes towers without a mask',
      run: () =>
        withPart(create, (fusion) =>
          withTowers(2, 1, fusion.embedDim, async ({ image, text }) => {
            const { fused } = await run(fusion, { image: withoutMask(image), text: withoutMask(text) });
            requireFinite('fused', fused, [2, fusion.embedDim]);
          }),
        ),
    },
    {
      name: 'takes towers of one token each',
      run: () =>
        withPart(create, (fusion) =>
          withShortTowers(fusion, async (towers) => {
            const random = randomStream(1, 1);
            for (const context of [inference, { training: true, random } as const]) {
              const { fused } = await run(fusion, towers, context);
              requireFinite('fused', fused, [2, fusion.embedDim]);
            }
            random.state.dispose();
          }),
        ),
    },
    {
      name: 'gives the same result twice outside training, and changes nothing',
      run: () =>
        withPart(create, (fusion) =>
          withTowers(3, 2, fusion.embedDim, async (towers) => {
            const before = await snapshot(variablesOf(fusion));
            const first = await run(fusion, towers);
            requireSame(await run(fusion, towers), first);
            for (const [name, tensor] of await snapshot(variablesOf(fusion))) {
              requireClose(`${name} after fusing`, tensor, before.get(name), 0);
            }
          }),
        ),
    },
    {
      name: 'fuses a pair the same in any batch',
      run: () =>
        withPart(create, (fusion) =>
          withTowers(3, 3, fusion.embedDim, async (towers) => {
            const { fused } = await run(fusion, towers);
            for (const row of [0, 2]) {
              const single = { image: sliceRow(towers.image, row), text: sliceRow(towers.text, row) };
              const alone = await run(fusion, single);
              tf.dispose(single);
              const width = fusion.embedDim;
              const values = fused!.values.slice(row * width, (row + 1) * width);
              const wanted = { shape: [1, width], dtype: 'float32', values };
              requireClose(`fused of pair ${row}, alone and in a batch,`, alone.fused, wanted, tolerance);
            }
          }),
        ),
    },
    {
      name: 'does not see what the masks hide',
      run: () =>
        withPart(create, (fusion) =>
          withTowers(3, 4, fusion.embedDim, async (towers) => {
            const { fused } = await run(fusion, towers);
            const changed = { image: changeHidden(towers.image), text: changeHidden(towers.text) };
            const after = await run(fusion, changed);
            tf.dispose([changed.image.sequence, changed.text.sequence]);
            requireClose('fused, with other numbers at masked positions,', after.fused, fused, tolerance);
          }),
        ),
    },
    {
      name: 'looks at both modalities',
      run: () =>
        withPart(create, (fusion) =>
          withTowers(2, 5, fusion.embedDim, (towers) =>
            withTowers(2, 6, fusion.embedDim, async (others) => {
              const { fused } = await run(fusion, towers);
              for (const modality of ['image', 'text'] as const) {
                const swapped = await run(fusion, { ...towers, [modality]: others[modality] });
                const differs = swapped.fused!.values.some((value, i) => value !== fused!.values[i]);
                ensure(differs, `another ${modality} gives the same fused vector`);
              }
            }),
          ),
        ),
    },
    {
      name: 'trains the same way from the same stream',
      run: () =>
        withPart(create, (fusion) =>
          withTowers(4, 7, fusion.embedDim, async (towers) => {
            const [first, second] = await trainTwice(fusion, (context) => run(fusion, towers, context));
            requireFinite('fused in training', first.fused, [4, fusion.embedDim]);
            requireSame(second, first);
          }),
        ),
    },
    {
      name: 'gets a gradient to every parameter and to both towers',
      run: () =>
        withPart(create, (fusion) =>
          withTowers(4, 8, fusion.embedDim, async (towers) => {
            const random = randomStream(1, 1);
            const compute = ({ image, text }: Towers): tf.Scalar => {
              const { fused } = fusion.fuse(image, text, { training: true, random });
              return tf.sum(tf.mul(fused, randomNormal(fused.shape, 11)));
            };
            await requireGradients(fusion, withoutGradient, () => compute(towers));
            await requireTowerGradients(towers, compute);
            random.state.dispose();
          }),
        ),
    },
    ...statefulChecks(contract, (fusion) =>
      withTowers(2, 9, fusion.embedDim, async (towers) => {
        await run(fusion, towers);
      }),
    ),
  ];
}

interface Towers {
  readonly image: Encoded;
  readonly text: Encoded;
}

function requireSame(actual: Record<string, HostTensor>, expected: Record<string, HostTensor>): void {
  for (const key of new Set([...Object.keys(actual), ...Object.keys(expected)])) {
    requireClose(`${key}, computed twice,`, actual[key], expected[key], 0);
  }
}

function withoutMask({ pooled, sequence }: Encoded): Encoded {
  return { pooled, sequence };
}

function sliceRow({ pooled, sequence, mask }: Encoded, row: number): Encoded {
  return tf.tidy(() => ({
    pooled: tf.slice(pooled, row, 1),
    sequence: tf.slice(sequence, row, 1),
    mask: mask && tf.slice(mask, row, 1),
  }));
}

/** Adds 5 to the numbers of masked positions; the pooled vectors stay. */
function changeHidden({ pooled, sequence, mask }: Encoded): Encoded {
  const hidden = tf.tidy((): tf.Tensor3D => {
    const shift = tf.mul(tf.sub(1, mask!), 5);
    return tf.add(sequence, tf.expandDims(shift, 2));
  });
  return { pooled, sequence: hidden, mask };
}

/** A fusion may use pooled vectors, sequences or both; through one of them each tower must learn. */
async function requireTowerGradients(towers: Towers, compute: (towers: Towers) => tf.Scalar): Promise<void> {
  for (const modality of ['image', 'text'] as const) {
    const { pooled, sequence, mask } = towers[modality];
    // Added zeros tie both inputs to the result, so that tfjs does not refuse the one that is not used.
    const gradients = tf.grads((p: tf.Tensor, s: tf.Tensor) => {
      const changed = { pooled: p, sequence: s, mask };
      const tie = tf.mul(tf.add(tf.sum(p), tf.sum(s)), 0);
      return tf.add(compute({ ...towers, [modality]: changed }), tie);
    })([pooled, sequence]);
    let reaches = false;
    for (const gradient of gradients) {
      const values = await gradient.data();
      gradient.dispose();
      ensure(values.every(Number.isFinite), `the gradient of the ${modality} tower is not finite`);
      reaches ||= values.some((value) => value !== 0);
    }
    ensure(reaches, `no gradient reaches the ${modality} tower`);
  }
}
