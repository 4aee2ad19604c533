import {
  CommunicationError,
  type Communicator,
  ConfigError,
  type Reducible,
  type Reduction,
  type Sendable,
} from '@diptych/core';

const REDUCTIONS: readonly Reduction[] = ['sum', 'min', 'max'];

/** @throws ConfigError unless values can be added up over ranks */
export function checkReducible(where: string, values: unknown): asserts values is Reducible {
  if (values instanceof Float32Array || values instanceof Float64Array || values instanceof Int32Array) return;
  throw new ConfigError({ where, expected: 'a Float32Array, Float64Array or Int32Array', got: typeName(values) });
}

/** @throws ConfigError unless values can be sent */
export function checkSendable(where: string, values: unknown): asserts values is Sendable {
  if (values instanceof Uint8Array) return;
  if (values instanceof Float32Array || values instanceof Float64Array || values instanceof Int32Array) return;
  throw new ConfigError({
    where,
    expected: 'a Float32Array, Float64Array, Int32Array or Uint8Array',
    got: typeName(values),
  });
}

/** @throws ConfigError unless it is one of the three */
export function checkReduction(where: string, reduction: unknown): asserts reduction is Reduction {
  if (REDUCTIONS.includes(reduction as Reduction)) return;
  throw new ConfigError({ where, expected: `a reduction of ${REDUCTIONS.join(', ')}`, got: String(reduction) });
}

/** @throws ConfigError unless the number is that of a rank */
export function checkRank(where: string, rank: number, size: number): void {
  if (Number.isInteger(rank) && rank >= 0 && rank < size) return;
  throw new ConfigError({ where, expected: `a rank from 0 to ${size - 1}`, got: String(rank) });
}

/**
 * How many elements each rank has.
 *
 * @throws ConfigError unless there is a whole number for each rank
 */
function checkCounts(where: string, counts: readonly number[], size: number): void {
  if (counts.length === size && counts.every((count) => Number.isInteger(count) && count >= 0)) return;
  throw new ConfigError({ where, expected: `counts of ${size} ranks`, got: `[${counts.join(', ')}]` });
}

/** @throws ConfigError unless a rank brings what its count says */
function checkOwnCount(where: string, length: number, count: number): void {
  if (length === count) return;
  throw new ConfigError({ where, expected: `${count} elements, as counts say`, got: String(length) });
}

/**
 * Equal shares for all ranks.
 *
 * @throws ConfigError where the length is no multiple of their number
 */
function equalShares(where: string, length: number, size: number): number[] {
  if (length % size === 0) return Array.from({ length: size }, () => length / size);
  throw new ConfigError({
    where,
    expected: `a multiple of ${size} elements`,
    got: String(length),
    remedy: 'say with `counts` what each rank gets',
  });
}

/**
 * How many elements each rank brings to `allGather`.
 *
 * @throws ConfigError unless values can be sent and are as many as their rank's count
 */
export function gatheredCounts(
  { rank, size }: Pick<Communicator, 'rank' | 'size'>,
  values: unknown,
  counts?: readonly number[],
): readonly number[] {
  checkSendable('allGather', values);
  const each = counts ?? Array.from({ length: size }, () => values.length);
  checkCounts('allGather', each, size);
  checkOwnCount('allGather', values.length, each[rank]!);
  return each;
}

/**
 * How many elements each rank gets of `reduceScatter`.
 *
 * @throws ConfigError unless values can be added up and are as many as all counts together
 */
export function scatteredCounts(
  { size }: Pick<Communicator, 'size'>,
  values: unknown,
  counts?: readonly number[],
): readonly number[] {
  checkReducible('reduceScatter', values);
  const each = counts ?? equalShares('reduceScatter', values.length, size);
  checkCounts('reduceScatter', each, size);
  checkOwnCount('reduceScatter', values.length, totalOf(each));
  return each;
}

/** Of the elements of all ranks together. */
export function totalOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Where each rank's elements begin. */
export function startsOf(counts: readonly number[]): number[] {
  let start = 0;
  return counts.map((count) => {
    start += count;
    return start - count;
  });
}

/** What is said of calls after `close`. */
export function closedError(where: string): CommunicationError {
  return new CommunicationError({ where, problem: 'the communicator was closed' });
}

/** New values of the type of others. */
export function emptyLike<Values extends Sendable>(values: Values, length: number): Values {
  return new (values.constructor as new (length: number) => Values)(length);
}

function typeName(values: unknown): string {
  return values === null || values === undefined ? String(values) : (values.constructor?.name ?? typeof values);
}
