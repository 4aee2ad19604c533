import {
  type ImageSource,
  type ImageTransform,
  isDiptychError,
  plainSample,
  type RgbImage,
  type SampleContext,
} from '@diptych/core';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';
import { largestDifference } from './host-tensor.js';
import { requireDescription } from './stateful-checks.js';

/** What {@link testImageTransform} is told of a transform. */
export interface ImageTransformContract {
  create(): ImageTransform | Promise<ImageTransform>;
  /** An encoded picture (PNG, JPEG) that it can decode; absent for transforms of decoded pictures only. */
  readonly encoded?: ImageSource;
}

const SIZES: readonly (readonly [width: number, height: number])[] = [
  [64, 48],
  [1, 1],
  [300, 2],
  [2, 300],
  [257, 255],
];

const TRAINING: SampleContext = { training: true, seed: 3, epoch: 2, item: 7 };

/** Written before and after the place of a result: it must still be there afterwards. */
const MARK = 12345;

/**
 * Checks that an image transform keeps the contract of `ImageTransform`, as tests of a suite.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testImageTransform(runner: Runner, name: string, contract: ImageTransformContract): void {
  register(runner, name, imageTransformChecks(contract));
}

/** The checks of {@link testImageTransform}, for use without a test runner. */
export function imageTransformChecks(contract: ImageTransformContract): Check[] {
  checkContract('testing.imageTransformChecks', contract, 'create');
  const { create, encoded } = contract;
  return [
    {
      name: 'says its output shape',
      run: async () => {
        const { outputShape } = await create();
        ensure(
          outputShape.length === 3 && outputShape.every((size) => Number.isSafeInteger(size) && size > 0),
          `outputShape is [${outputShape.join()}]`,
        );
      },
    },
    {
      name: 'writes finite numbers to its place and nowhere else, for pictures of any size',
      run: async () => {
        const transform = await create();
        for (const [width, height] of SIZES) await apply(transform, picture(width, height), plainSample);
      },
    },
    {
      name: 'leaves the picture as it was',
      run: async () => {
        const image = picture(40, 30);
        const before = image.data.slice();
        await apply(await create(), image, TRAINING);
        ensure(
          image.data.every((value, i) => value === before[i]),
          'the picture was changed',
        );
      },
    },
    {
      name: 'depends on the picture',
      run: async () => {
        const transform = await create();
        const [a, b] = [await apply(transform, picture(40, 30, 1)), await apply(transform, picture(40, 30, 2))];
        ensure(largestDifference(a, b).error > 0, 'two different pictures give the same numbers');
      },
    },
    {
      name: 'repeats itself for the same seed, epoch and item, in any order and at the same time',
      run: async () => {
        const [first, second] = [await create(), await create()];
        for (const context of [plainSample, TRAINING]) {
          const expected = await apply(first, picture(50, 40), context);
          await apply(second, picture(33, 44), { ...context, item: 99 });
          const [again, other] = await Promise.all([
            apply(second, picture(50, 40), context),
            apply(second, picture(50, 40), { ...context, item: 8 }),
          ]);
          ensure(largestDifference(again, expected).error === 0, 'the same item gives other numbers');
          ensure(other.length === expected.length, 'another item gives another number of values');
        }
      },
    },
    ...(encoded === undefined
      ? []
      : [
          {
            name: 'decodes encoded pictures, and refuses bytes that are none',
            run: async () => {
              const transform = await create();
              await apply(transform, encoded);
              let error: unknown;
              try {
                await apply(transform, new Uint8Array([1, 2, 3, 4]));
              } catch (caught) {
                error = caught;
              }
              ensure(isDiptychError(error) && error.code === 'input', () => `bytes that are no picture give ${error}`);
            },
          },
        ]),
    {
      name: 'describes itself in JSON',
      run: async () => requireDescription((await create()).describe()),
    },
  ];
}

async function apply(
  transform: ImageTransform,
  image: ImageSource | RgbImage,
  context: SampleContext = plainSample,
): Promise<Float32Array> {
  const [height, width, channels] = transform.outputShape;
  const size = height * width * channels;
  const offset = 5;
  const target = new Float32Array(size + 2 * offset).fill(MARK);
  await transform.into(image, target, offset, context);
  const outside = [...target.subarray(0, offset), ...target.subarray(offset + size)];
  ensure(
    outside.every((value) => value === MARK),
    'it wrote outside of its place in the batch',
  );
  const written = target.slice(offset, offset + size);
  const at = written.findIndex((value) => !Number.isFinite(value) || value === MARK);
  ensure(at < 0, () => (written[at] === MARK ? `value ${at} was not written` : `value ${at} is ${written[at]}`));
  return written;
}

/** A picture with a gradient and some texture. */
function picture(width: number, height: number, seed = 1): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, channel] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    return (x * 5 * seed + y * 3 + channel * 40 + ((x * y * seed) % 17)) & 0xff;
  });
  return { data, width, height };
}
