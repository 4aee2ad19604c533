import { type Context, type Encoder, type EncoderOutput, inference, type TextInput } from '@diptych/core';
import { disposeNested } from '@diptych/core/tfjs';
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

/** What an encoder takes: a tensor, or several by name, each with the batch as first axis. */
export type EncoderInput = tf.Tensor | TextInput | { readonly [name: string]: tf.Tensor | undefined };

/** What {@link testEncoder} is told of an encoder. */
export interface EncoderContract<Input> extends PartContract<Encoder<Input>> {
  /**
   * Makes a batch: different items, the same ones for the same seed. Items of one batch have one shape; texts should
   * not all be equally long. The suite disposes the tensors.
   */
  input(size: number, seed: number): Input;
  /** For texts: padding is part of the text, as in SigLIP, which was trained without a mask. Default false. */
  readonly seesPadding?: boolean;
  /** Largest difference, relative to the largest value, between a row alone and the row in a batch. Default 1e-4. */
  readonly tolerance?: number;
}

/**
 * Checks that an encoder keeps the contract of `Encoder`, as tests of a suite.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testEncoder<Input extends EncoderInput>(
  runner: Runner,
  name: string,
  contract: EncoderContract<Input>,
): void {
  register(runner, name, encoderChecks(contract));
}

/** The checks of {@link testEncoder}, for use without a test runner. */
export function encoderChecks<Input extends EncoderInput>(contract: EncoderContract<Input>): Check[] {
  checkContract('testing.encoderChecks', contract, 'create');
  const { create, input, withoutGradient = [], seesPadding = false, tolerance = 1e-4 } = contract;

  const withInput = async <Result>(size: number, seed: number, use: (batch: Input) => Promise<Result>) => {
    const batch = input(size, seed);
    try {
      return await use(batch);
    } finally {
      disposeNested(batch);
    }
  };
  const run = (encoder: Encoder<Input>, batch: Input, context: Context = inference) =>
    evaluate(() => parts(encoder.encode(batch, context)));

  return [
    {
      name: 'gives pooled [B,D], sequence [B,T,D] and mask [B,T], for every batch size',
      run: () =>
        withPart(create, async (encoder) => {
          const embedDim = checkedWidth(encoder);
          for (const size of [1, 2, 3]) {
            await withInput(size, size, async (batch) => requireOutput(await run(encoder, batch), size, embedDim));
          }
        }),
    },
    {
      name: 'gives the same result twice outside training, and changes nothing',
      run: () =>
        withPart(create, (encoder) =>
          withInput(3, 1, async (batch) => {
            const before = await snapshot(variablesOf(encoder));
            requireSame(await run(encoder, batch), await run(encoder, batch), 0);
            for (const [name, tensor] of await snapshot(variablesOf(encoder))) {
              requireClose(`${name} after encoding`, tensor, before.get(name), 0);
            }
          }),
        ),
    },
    {
      name: 'encodes a row the same in any batch',
      run: () =>
        withPart(create, (encoder) =>
          withInput(3, 2, async (batch) => {
            const whole = await run(encoder, batch);
            for (const row of [0, 2]) {
              const single = mapTensors(batch, (tensor) => tf.slice(tensor, row, 1));
              const alone = await run(encoder, single);
              disposeNested(single);
              const wanted = mapRows(whole, row);
              requireClose(`pooled of row ${row}, alone and in a batch,`, alone.pooled, wanted.pooled, tolerance);
              requireClose(`mask of row ${row}, alone and in a batch,`, alone.mask, wanted.mask, 0);
            }
          }),
        ),
    },
    {
      name: 'tells different items apart',
      run: () =>
        withPart(create, (encoder) =>
          withInput(2, 3, async (batch) => {
            const { pooled } = await run(encoder, batch);
            const width = encoder.embedDim;
            const differs = pooled.values.subarray(0, width).some((value, i) => value !== pooled.values[width + i]);
            ensure(differs, 'two different items have the same vector');
          }),
        ),
    },
    {
      name: 'does not see padding (encoders of texts)',
      run: () =>
        withPart(create, (encoder) =>
          withInput(3, 4, async (batch) => {
            if (!isTextInput(batch) || seesPadding) return;
            const before = await run(encoder, batch);
            const padded = mapTensors(batch, (tensor) =>
              tf.pad(tensor, [
                [0, 0],
                [0, 3],
              ]),
            ); // prettier-ignore
            const after = await run(encoder, padded);
            disposeNested(padded);
            requireClose('pooled, with three more positions of padding,', after.pooled, before.pooled, tolerance);
            const tokens = after.sequence.shape[1]!;
            for (let row = 0; row < 3; row++) {
              const end = after.mask?.values.subarray(row * tokens, (row + 1) * tokens).slice(-3);
              ensure(end?.every((value) => value === 0) === true, 'the mask does not mark padding with 0');
            }
          }),
        ),
    },
    {
      name: 'trains the same way from the same stream',
      run: () =>
        withPart(create, (encoder) =>
          withInput(4, 5, async (batch) => {
            const [first, second] = await trainTwice(encoder, (context) => run(encoder, batch, context));
            requireOutput(first, 4, encoder.embedDim);
            requireSame(second, first, 0);
          }),
        ),
    },
    {
      name: 'gets a gradient to every parameter',
      run: () =>
        withPart(create, (encoder) =>
          withInput(4, 6, async (batch) => {
            const random = randomStream(1, 1);
            await requireGradients(encoder, withoutGradient, () => {
              const { pooled, sequence } = encoder.encode(batch, { training: true, random });
              const weights = [randomNormal(pooled.shape, 11), randomNormal(sequence.shape, 12)] as const;
              return tf.add(tf.sum(tf.mul(pooled, weights[0])), tf.sum(tf.mul(sequence, weights[1])));
            });
            random.state.dispose();
          }),
        ),
    },
    {
      name: 'leaves its input to the caller',
      run: () =>
        withPart(create, (encoder) =>
          withInput(2, 8, async (batch) => {
            await run(encoder, batch);
            const gone = tensorsOf(batch).some((tensor) => tensor.isDisposed);
            ensure(!gone, 'encode disposed a tensor of its input');
          }),
        ),
    },
    ...statefulChecks(contract, (encoder) =>
      withInput(2, 9, async (batch) => {
        await run(encoder, batch);
      }),
    ),
  ];
}

type Parts = Record<'pooled' | 'sequence' | 'mask', HostTensor>;

function parts({ pooled, sequence, mask }: EncoderOutput) {
  return { pooled, sequence, mask };
}

function requireOutput({ pooled, sequence, mask }: Parts, size: number, width: number): void {
  requireFinite('pooled', pooled, [size, width]);
  requireFinite('sequence', sequence, [size, 'T', width]);
  if (!mask) return;
  requireFinite('mask', mask, [size, sequence.shape[1]!]);
  ensure(
    mask.values.every((value) => value === 0 || value === 1),
    'mask holds something other than 0 and 1',
  );
}

function requireSame(actual: Parts, expected: Parts, tolerance: number): void {
  for (const key of ['pooled', 'sequence', 'mask'] as const) {
    requireClose(`${key}, computed twice,`, actual[key], expected[key], tolerance);
  }
}

function mapRows(output: Parts, row: number): Partial<Parts> {
  return Object.fromEntries(
    Object.entries(output).map(([key, { shape, dtype, values }]) => {
      const size = values.length / shape[0]!;
      return [key, { shape: [1, ...shape.slice(1)], dtype, values: values.slice(row * size, (row + 1) * size) }];
    }),
  );
}

function mapTensors<Input extends EncoderInput>(input: Input, map: (tensor: tf.Tensor) => tf.Tensor): Input {
  if (input instanceof tf.Tensor) return tf.tidy(() => map(input)) as Input;
  const entries = Object.entries(input).map(([key, tensor]) => [key, tensor && tf.tidy(() => map(tensor))]);
  return Object.fromEntries(entries) as Input;
}

function tensorsOf(input: EncoderInput): tf.Tensor[] {
  if (input instanceof tf.Tensor) return [input];
  return Object.values(input).filter((tensor) => tensor !== undefined);
}

function isTextInput(input: EncoderInput): boolean {
  return !(input instanceof tf.Tensor) && 'inputIds' in input && 'attentionMask' in input;
}
