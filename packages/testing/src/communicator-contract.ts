import { type Communicator, isDiptychError, type Reducible, type Sendable } from '@diptych/core';
import { type Check, ensure, type Runner, register } from './check.js';

/**
 * Checks that a communicator keeps the contract of `Communicator`, as tests of a suite.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 * @param inGroup runs a function on every rank of a new group, at the same time, and rejects where one of them does
 */
export function testCommunicator(
  runner: Runner,
  name: string,
  inGroup: (run: (communicator: Communicator) => Promise<void>) => Promise<void>,
): void {
  const checks = communicatorChecks();
  register(
    runner,
    name,
    checks.map(({ name: what, run }) => ({ name: what, run: () => inGroup(run) })),
  );
}

/** A property of a group, checked by all of its ranks at once. */
export interface CommunicatorCheck extends Pick<Check, 'name'> {
  run(communicator: Communicator): Promise<void>;
}

/** The checks of {@link testCommunicator}, for use where ranks are processes: each runs all of them, in this order. */
export function communicatorChecks(): CommunicatorCheck[] {
  return [
    {
      name: 'numbers its ranks',
      run: async (communicator) => {
        const { rank, size } = communicator;
        same(await communicator.allGather(Int32Array.of(rank)), range(size), 'ranks');
      },
    },
    {
      name: 'sums up, takes the least and the greatest, in place',
      run: async (communicator) => {
        const { rank, size } = communicator;
        const total = (size * (size + 1)) / 2;
        for (const type of [Float32Array, Float64Array, Int32Array]) {
          const values: Reducible = type.of(rank + 1, -rank, 10 * rank);
          const result = await communicator.allReduce(values);
          ensure(result === values, 'allReduce gave another array');
          same(values, [total, size - total, 10 * (total - size)], `sum as ${type.name}`);
          same(await communicator.allReduce(type.of(rank, -rank), 'min'), [0, 1 - size], `min as ${type.name}`);
          same(await communicator.allReduce(type.of(rank, -rank), 'max'), [size - 1, 0], `max as ${type.name}`);
        }
      },
    },
    {
      name: 'gives every rank the same bits of a long sum',
      run: async (communicator) => {
        const { rank, size } = communicator;
        const length = 100_003;
        const values = Float32Array.from({ length }, (_, i) => Math.fround(Math.sin(i * (rank + 1)) * 10 ** (i % 7)));
        await communicator.allReduce(values);
        const wanted = Array.from({ length }, (_, i) => {
          let sum = 0;
          for (let of = 0; of < size; of++) sum += Math.fround(Math.sin(i * (of + 1)) * 10 ** (i % 7));
          return sum;
        });
        for (const [i, value] of values.entries())
          ensure(
            Math.abs(value - wanted[i]!) <= 1e-6 * size * 10 ** (i % 7),
            `element ${i}: ${value}, not ${wanted[i]}`,
          );
        const bits = new Uint8Array(values.buffer);
        const all = await communicator.allGather(bits);
        for (let of = 0; of < size; of++) {
          const other = all.subarray(of * bits.length, (of + 1) * bits.length);
          ensure(Buffer.compare(bits, other) === 0, `rank ${of} has other bits than rank ${rank}`);
        }
      },
    },
    {
      name: 'gathers shares of several lengths, none too, of every type',
      run: async (communicator) => {
        const { rank, size } = communicator;
        const counts = range(size).map((of) => of * 2);
        const wanted = counts.flatMap((count, of) => Array.from({ length: count }, () => of + 1));
        for (const type of [Float32Array, Float64Array, Int32Array, Uint8Array]) {
          const mine: Sendable = new type(counts[rank]!).fill(rank + 1);
          const all = await communicator.allGather(mine, counts);
          ensure(all.constructor === type, `${all.constructor.name} came of ${type.name}`);
          same(all, wanted, `gathered ${type.name}`);
        }
      },
    },
    {
      name: 'gives each rank its share of the sum',
      run: async (communicator) => {
        const { rank, size } = communicator;
        const values = Float32Array.from({ length: size * 3 }, (_, i) => i + rank);
        const sum = (i: number) => size * i + (size * (size - 1)) / 2;
        const mine = await communicator.reduceScatter(values);
        same(
          mine,
          [0, 1, 2].map((i) => sum(rank * 3 + i)),
          'equal shares',
        );
        const counts = range(size).map((of) => (of === 0 ? 0 : 3));
        const whole = Float32Array.from({ length: (size - 1) * 3 }, (_, i) => i + rank);
        const share = await communicator.reduceScatter(whole, counts);
        same(share, rank === 0 ? [] : [0, 1, 2].map((i) => sum((rank - 1) * 3 + i)), 'other shares');
      },
    },
    {
      name: 'sends the values of any rank to all',
      run: async (communicator) => {
        const { rank, size } = communicator;
        for (const root of range(size)) {
          same(await communicator.broadcast(Float64Array.of(rank, Math.PI), root), [root, Math.PI], `from ${root}`);
          same(await communicator.broadcast(Uint8Array.of(rank + 1, 255), root), [root + 1, 255], `bytes from ${root}`);
        }
      },
    },
    {
      name: 'runs what was called at once in the order of the calls',
      run: async (communicator) => {
        const { rank, size } = communicator;
        const rounds = range(20);
        const [sums, gathered] = await Promise.all([
          Promise.all(rounds.map((i) => communicator.allReduce(Float32Array.of(i)))),
          Promise.all(rounds.map((i) => communicator.allGather(Int32Array.of(rank * 100 + i)))),
          communicator.barrier(),
        ]);
        for (const i of rounds) {
          same(sums[i]!, [i * size], `sum ${i}`);
          same(
            gathered[i]!,
            range(size).map((of) => of * 100 + i),
            `gathered ${i}`,
          );
        }
      },
    },
    {
      name: 'leaves what it only reads as it was',
      run: async (communicator) => {
        const values = Float32Array.from({ length: communicator.size + 4 }, (_, i) => i).subarray(
          2,
          2 + communicator.size,
        );
        const before = Array.from(values);
        await communicator.reduceScatter(values);
        await communicator.allGather(values);
        same(values, before, 'values');
      },
    },
    {
      name: 'refuses what cannot be meant before anything is sent',
      run: async (communicator) => {
        const { size } = communicator;
        const calls: (() => Promise<unknown>)[] = [
          () => communicator.allReduce([1, 2] as unknown as Float32Array),
          () => communicator.allReduce(Uint8Array.of(1) as unknown as Float32Array),
          () => communicator.allReduce(Float32Array.of(1), 'mean' as 'sum'),
          () => communicator.allGather(Float32Array.of(1), [1]),
          () =>
            communicator.allGather(
              Float32Array.of(1),
              Array.from({ length: size }, () => 2),
            ),
          () => communicator.reduceScatter(new Float32Array(size + 1)),
          () =>
            communicator.reduceScatter(
              new Float32Array(size),
              Array.from({ length: size }, () => -1),
            ),
          () => communicator.broadcast(Float32Array.of(1), size),
          () => communicator.broadcast(Float32Array.of(1), -1),
        ];
        for (const [i, call] of calls.entries()) {
          const error = await call().then(
            () => undefined,
            (failure: unknown) => failure,
          );
          // a group of one takes some of them
          if (size > 1 || error !== undefined) ensure(isDiptychError(error), `call ${i} gave ${String(error)}`);
        }
        await communicator.barrier();
      },
    },
  ];
}

function range(size: number): number[] {
  return Array.from({ length: size }, (_, i) => i);
}

function same(got: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  const [left, right] = [Array.from(got), Array.from(wanted)];
  const equal = left.length === right.length && left.every((value, i) => value === right[i]);
  ensure(equal, () => `${what}: [${left.join(', ')}], not [${right.join(', ')}]`);
}
