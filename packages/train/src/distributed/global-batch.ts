import {
  type Communicator,
  ConfigError,
  type LabelNumbers,
  type PairBatch,
  type TokenBatch,
  tokenShape,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { captionKeys } from '../batches/caption-keys.js';
import { copyRows, type DeviceBatch, type HostRows, labelTensor, relationsOf } from '../batches/device-batch.js';
import { joinNegatives } from '../batches/negative-rows.js';
import type { PairRelations } from '../trainer/step/batch-loss.js';
import { gatherJson } from './exchange.js';

/** Rows of a rank's tower that lie next to each other, and the number of the first in the whole batch. */
export interface RowRange {
  /** In the rank's own rows. */
  readonly start: number;
  readonly rows: number;
  /** In the whole batch: by it dropout draws. */
  readonly first: number;
}

/** How the rows of all ranks make the rows of a tower: first all pairs', then all negatives'. */
export interface TowerRows {
  /** Rows that each rank has. */
  readonly counts: readonly number[];
  /** For each row of the whole its place where ranks' rows stand one rank behind the other. */
  readonly order: Int32Array;
  /** Places of this rank's rows in the whole. */
  readonly own: Int32Array;
  /** This rank's rows: its pairs, and its negatives where it has some. */
  readonly ranges: readonly RowRange[];
}

/** A rank's share of a batch, and what it has to know of the others'. */
export interface GlobalBatch {
  /** Its own rows, texts as long as the longest of all ranks. */
  readonly own: DeviceBatch;
  /** What the loss is told of all pairs. */
  readonly relations: PairRelations;
  readonly image: TowerRows;
  readonly text: TowerRows;
  /** Pairs of all ranks. */
  readonly pairs: number;
}

/** What a rank tells the others of its share; the numbers of targets follow by themselves. */
type Share = {
  readonly ids: readonly string[];
  readonly captions: readonly string[];
  readonly negatives: { readonly image: readonly string[]; readonly text: readonly string[] };
  readonly length: number;
  readonly labels: {
    readonly [name: string]: { readonly values: readonly (number | null)[]; readonly isClass: boolean };
  };
  readonly targets: { readonly [name: string]: readonly number[] };
};

/**
 * Puts a rank's share on the device, and tells it of the others'.
 *
 * @param targets of the share's pairs
 * @throws ConfigError if ranks have other labels or targets than each other
 */
export async function globalBatch(
  communicator: Communicator,
  batch: PairBatch,
  targets: Readonly<Record<string, HostRows>>,
  equalCaptions: boolean,
): Promise<GlobalBatch> {
  const joined = batch.negatives ? joinNegatives(batch) : batch;
  const shares = await gatherJson(communicator, shareOf(batch, joined.tokens, targets));
  checkAlike(shares);
  const { rank } = communicator;
  const length = Math.max(...shares.map((share) => share.length));
  const own = copyRows(
    { ...batch, labels: undefined },
    { ...joined, tokens: padTokens(joined.tokens, length) },
    {},
    false,
  );
  return {
    own,
    relations: {
      ...relationsOfAll(shares, equalCaptions),
      targets: await gatherTargets(communicator, targets, shares),
    },
    image: towerRows(shares, rank, ({ negatives }) => negatives.image.length),
    text: towerRows(shares, rank, ({ negatives }) => negatives.text.length),
    pairs: shares.reduce((sum, { ids }) => sum + ids.length, 0),
  };
}

function shareOf(
  { ids, negatives = {}, labels = {} }: PairBatch,
  tokens: TokenBatch,
  targets: Readonly<Record<string, HostRows>>,
): Share {
  const entries = Object.entries(labels) as [string, LabelNumbers][];
  return {
    ids,
    captions: captionKeys(tokens),
    negatives: { image: negatives.image?.ids ?? [], text: negatives.text?.ids ?? [] },
    length: tokenShape(tokens)[1],
    labels: Object.fromEntries(
      // JSON has no NaN, which stands for a label that is missing: it comes as null
      entries.map(([name, values]) => [name, { values: Array.from(values), isClass: values instanceof Int32Array }]),
    ),
    targets: Object.fromEntries(Object.entries(targets).map(([name, { shape }]) => [name, shape])),
  };
}

function checkAlike(shares: readonly Share[]): void {
  const kind = ({ labels, targets }: Share) =>
    JSON.stringify([
      Object.entries(labels).map(([name, { isClass }]) => [name, isClass]),
      Object.entries(targets).map(([name, shape]) => [name, shape.slice(1)]),
    ]);
  const other = shares.findIndex((share) => kind(share) !== kind(shares[0]!));
  if (other < 0) return;
  throw new ConfigError({
    where: 'train.Trainer: communicator',
    expected: `the labels and targets of rank 0 on every rank: ${kind(shares[0]!)}`,
    got: `${kind(shares[other]!)} on rank ${other}`,
    remedy: 'start every rank with the same data and options',
  });
}

/** Of the whole batch: pairs of all ranks, then negatives of all ranks. */
function relationsOfAll(shares: readonly Share[], equalCaptions: boolean): Omit<PairRelations, 'targets'> {
  const all = <Of>(of: (share: Share) => readonly Of[]) => shares.flatMap(of);
  const pairs = ({ ids }: Share) => ids.length;
  const [first] = shares;
  const relations = relationsOf(
    {
      pairs: all(({ ids }) => ids),
      images: all(({ negatives }) => negatives.image),
      texts: all(({ negatives }) => negatives.text),
    },
    equalCaptions
      ? {
          pairs: all((share) => share.captions.slice(0, pairs(share))),
          texts: all((share) => share.captions.slice(pairs(share))),
        }
      : undefined,
  );
  const rows = shares.reduce((sum, share) => sum + pairs(share), 0);
  const labels = Object.entries(first!.labels).map(([name, { isClass }]): [string, tf.Tensor] => {
    const values = all((share) => share.labels[name]!.values.map((value) => value ?? Number.NaN));
    return [name, labelTensor(name, isClass ? Int32Array.from(values) : Float32Array.from(values), rows)];
  });
  return { ...relations, labels: Object.fromEntries(labels) };
}

/** The rows of all ranks. */
async function gatherTargets(
  communicator: Communicator,
  targets: Readonly<Record<string, HostRows>>,
  shares: readonly Share[],
): Promise<Record<string, tf.Tensor>> {
  const gathered: Record<string, tf.Tensor> = {};
  for (const [name, { data }] of Object.entries(targets)) {
    const shapes = shares.map((share) => share.targets[name]!);
    const all = await communicator.allGather(data, shapes.map(sizeOf));
    const rows = sum(shapes.map(([count]) => count!));
    gathered[name] = tf.tensor(all, [rows, ...shapes[0]!.slice(1)]);
  }
  return gathered;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function towerRows(shares: readonly Share[], rank: number, negativesOf: (share: Share) => number): TowerRows {
  const pairs = shares.map(({ ids }) => ids.length);
  const negatives = shares.map(negativesOf);
  const counts = pairs.map((count, i) => count + negatives[i]!);
  const total = sum(pairs);
  const before = (of: readonly number[], at: number) => sum(of.slice(0, at));
  const order = Int32Array.from([
    ...shares.flatMap((_, i) => range(before(counts, i), pairs[i]!)),
    ...shares.flatMap((_, i) => range(before(counts, i) + pairs[i]!, negatives[i]!)),
  ]);
  const ranges: RowRange[] = [
    { start: 0, rows: pairs[rank]!, first: before(pairs, rank) },
    { start: pairs[rank]!, rows: negatives[rank]!, first: total + before(negatives, rank) },
  ].filter(({ rows }) => rows > 0);
  const own = Int32Array.from(ranges.flatMap(({ first, rows }) => range(first, rows)));
  return { counts, order, own, ranges };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function range(start: number, rows: number): number[] {
  return Array.from({ length: rows }, (_, i) => start + i);
}

/** Rows as long as others, with what the mask leaves out. */
function padTokens(tokens: TokenBatch, length: number): TokenBatch {
  const [rows, own] = tokenShape(tokens);
  if (own === length) return tokens;
  const pad = (values: Int32Array) => {
    const padded = new Int32Array(rows * length);
    for (let row = 0; row < rows; row++) padded.set(values.subarray(row * own, (row + 1) * own), row * length);
    return padded;
  };
  const { inputIds, attentionMask, tokenTypeIds } = tokens;
  return {
    ...tokens,
    shape: [rows, length],
    inputIds: pad(inputIds),
    attentionMask: pad(attentionMask),
    ...(tokenTypeIds && { tokenTypeIds: pad(tokenTypeIds) }),
  };
}
