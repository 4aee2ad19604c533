import type { Head, LabelNumbers, MatrixData } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';
import { evaluate, type HostTensor, requireClose, requireFinite } from './host-tensor.js';
import { randomNormal } from './random-normal.js';
import { type PartContract, requireGradients, statefulChecks, withPart } from './stateful-checks.js';

/** What {@link testHead} is told of a head. */
export interface HeadContract extends PartContract<Head> {
  /**
   * Labels that the head can learn, one a row or rows of several; the same for the same seed.
   *
   * @param rows pairs of a batch
   */
  labels(rows: number, seed: number): LabelNumbers;
  /** The number that says that a row has no label. Default: -1 in an Int32Array, NaN in a Float32Array. */
  readonly none?: number;
}

/** Rows of the made-up batch. */
const ROWS = 6;
/** Rows of it that lose their label. */
const WITHOUT = [1, 4];

/**
 * Checks that a head keeps the contract of `Head`: a row's prediction is its own, its loss is a finite scalar that moves vectors and
 * parameters, rows without a label do not count anywhere, what a user reads is finite and has a row for each.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testHead(runner: Runner, name: string, contract: HeadContract): void {
  register(runner, name, headChecks(contract));
}

/** The checks of {@link testHead}, for use without a test runner. */
export function headChecks(contract: HeadContract): Check[] {
  checkContract('testing.headChecks', contract, 'create');
  const { create, withoutGradient = [] } = contract;
  const labelled = (rows: number, seed: number) => labelsOf(contract.labels(rows, seed), rows);
  const noneOf = ({ values }: Labels) => contract.none ?? (values instanceof Int32Array ? -1 : Number.NaN);

  const withVectors = async <Result>(
    rows: number,
    seed: number,
    use: (head: Head, vectors: tf.Tensor2D) => Promise<Result>,
  ) =>
    withPart(create, async (head) => {
      const vectors = randomNormal<tf.Rank.R2>([rows, head.embedDim], seed);
      try {
        return await use(head, vectors);
      } finally {
        vectors.dispose();
      }
    });
  const predict = (head: Head, vectors: tf.Tensor2D) => evaluate(() => ({ predictions: head.forward(vectors) }));
  const lossOf = (head: Head, vectors: tf.Tensor2D, labels: Labels) =>
    evaluate(() => ({ loss: head.loss(head.forward(vectors), tensorOf(labels)) }));

  return [
    {
      name: 'says where it reads, and how wide',
      run: () =>
        withPart(create, async ({ on, embedDim }) => {
          ensure(['fused', 'image', 'text'].includes(on), `on is ${JSON.stringify(on)}`);
          ensure(Number.isInteger(embedDim) && embedDim > 0, `embedDim is ${embedDim}`);
        }),
    },
    {
      name: 'predicts a row the same in any batch',
      run: () =>
        withVectors(ROWS, 1, async (head, vectors) => {
          const { predictions } = await predict(head, vectors);
          requireFinite('predictions', predictions, [ROWS, ...predictions.shape.slice(1)]);
          const alone = tf.slice(vectors, [2, 0], [1, -1]);
          const { predictions: row } = await predict(head, alone);
          alone.dispose();
          requireClose('the prediction of a row alone', row, rowsOf(predictions, [2]), 1e-4);
        }),
    },
    {
      name: 'gives a finite scalar loss, the same twice',
      run: () =>
        withVectors(ROWS, 2, async (head, vectors) => {
          const labels = labelled(ROWS, 2);
          const { loss } = await lossOf(head, vectors, labels);
          requireFinite('the loss', loss, []);
          requireClose('the loss, computed twice,', (await lossOf(head, vectors, labels)).loss, loss, 0);
        }),
    },
    {
      name: 'gets a gradient to its vectors and to every parameter',
      run: () =>
        withVectors(ROWS, 3, async (head, vectors) => {
          const labels = labelled(ROWS, 3);
          const compute = (x: tf.Tensor2D) => head.loss(head.forward(x), tensorOf(labels)) as tf.Scalar;
          const { gradient } = await evaluate(() => ({ gradient: tf.grad((x) => compute(x as tf.Tensor2D))(vectors) }));
          requireFinite('the gradient of the vectors', gradient, vectors.shape);
          ensure(
            gradient.values.some((value) => value !== 0),
            'the gradient of the vectors is zero everywhere',
          );
          await requireGradients(head, withoutGradient, () => tf.tidy(() => compute(vectors)));
        }),
    },
    {
      name: 'does not count rows without a label',
      run: () =>
        withVectors(ROWS, 4, async (head, vectors) => {
          const whole = labelled(ROWS, 4);
          const labels = without(whole, WITHOUT, noneOf(whole));
          const kept = Array.from({ length: ROWS }, (_, row) => row).filter((row) => !WITHOUT.includes(row));
          const some = tf.tidy(() => tf.gather(vectors, tf.tensor1d(kept, 'int32')));
          const { loss } = await lossOf(head, vectors, labels);
          requireClose(
            'the loss with rows that have no label',
            loss,
            (await lossOf(head, some, keep(whole, kept))).loss,
            1e-4,
          );
          const { predictions } = await predict(head, vectors);
          const fewer = rowsOf(predictions, kept);
          const [all, rest] = [
            head.metrics(matrixOf(predictions), labels.values),
            head.metrics(matrixOf(fewer), keep(whole, kept).values),
          ];
          for (const [name, value] of Object.entries(all)) {
            ensure(
              Object.is(value, rest[name]) || Math.abs(value - rest[name]!) < 1e-5,
              `${name} is ${value} with rows that have no label, and ${rest[name]} without them`,
            );
          }
          some.dispose();
        }),
    },
    {
      name: 'has a finite loss where no row has a label',
      run: () =>
        withVectors(3, 5, async (head, vectors) => {
          const labels = labelled(3, 5);
          requireFinite('the loss', (await lossOf(head, vectors, without(labels, [0, 1, 2], noneOf(labels)))).loss, []);
        }),
    },
    {
      name: 'gives numbers that can be read, and checks labels before a step',
      run: () =>
        withVectors(ROWS, 6, async (head, vectors) => {
          const labels = labelled(ROWS, 6);
          head.checkLabels?.(labels.values, ROWS);
          const { predictions } = await predict(head, vectors);
          const metrics = Object.entries(head.metrics(matrixOf(predictions), labels.values));
          ensure(metrics.length > 0, 'metrics() gives no number');
          for (const [name, value] of metrics) ensure(typeof value === 'number', `${name} is no number`);
          const { shape, data } = head.values(matrixOf(predictions));
          ensure(shape[0] === ROWS && data.length === shape[0] * shape[1], `values() gives ${shape} for ${ROWS} rows`);
          ensure(data.every(Number.isFinite), 'values() gives numbers that are not finite');
        }),
    },
    ...statefulChecks(contract, async (head) => {
      const vectors = randomNormal<tf.Rank.R2>([3, head.embedDim], 7);
      await lossOf(head, vectors, labelled(3, 7));
      vectors.dispose();
    }),
  ];
}

interface Labels {
  readonly values: LabelNumbers;
  readonly shape: readonly number[];
}

function labelsOf(values: LabelNumbers, rows: number): Labels {
  ensure(values.length % rows === 0 && values.length > 0, `labels() gives ${values.length} numbers for ${rows} rows`);
  return { values, shape: values.length === rows ? [rows] : [rows, values.length / rows] };
}

function tensorOf({ values, shape }: Labels): tf.Tensor {
  return tf.tensor(values, [...shape], values instanceof Int32Array ? 'int32' : 'float32');
}

/** The labels of some rows. */
function keep({ values, shape }: Labels, rows: readonly number[]): Labels {
  const width = values.length / shape[0]!;
  const kept = rows.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)]);
  const Numbers = values instanceof Int32Array ? Int32Array : Float32Array;
  return { values: Numbers.from(kept), shape: [rows.length, ...shape.slice(1)] };
}

function without({ values, shape }: Labels, rows: readonly number[], none: number): Labels {
  const width = values.length / shape[0]!;
  const changed = values.slice();
  for (const row of rows) changed.fill(none, row * width, (row + 1) * width);
  return { values: changed, shape };
}

function rowsOf({ values, shape, dtype }: HostTensor, rows: readonly number[]): HostTensor {
  const width = values.length / shape[0]!;
  const kept = rows.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)]);
  return { values: Float32Array.from(kept), shape: [rows.length, ...shape.slice(1)], dtype };
}

function matrixOf({ values, shape }: HostTensor): MatrixData {
  return { data: values, shape: [shape[0]!, values.length / shape[0]!] };
}
