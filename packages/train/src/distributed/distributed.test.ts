import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Communicator, type FusedOutputs, type PairBatch, takeRows } from '@diptych/core';
import { inProcessGroup } from '@diptych/distributed';
import { AttentionFusion } from '@diptych/fusion';
import { stateDict } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sourceOf, TinyImageEncoder, type TinyOptions, TinyTextEncoder, tinyBatches } from '../../test/tiny-model.js';
import { tinyModel, tinyTrainer } from '../../test/tiny-run.js';
import {
  AdamW,
  Classification,
  InfoNCE,
  LabelLoss,
  MultiModalEncoder,
  Regression,
  Trainer,
  type TrainerOptions,
  type TrainingEvent,
  WeightedSum,
} from '../index.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-ranks-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The rows of a batch that a loader with `ranks` gives a rank, as long as their longest text. */
function shareOf(batch: PairBatch, { rank, size }: Pick<Communicator, 'rank' | 'size'>): PairBatch {
  const [from, to] = [rank, rank + 1].map((of) => Math.floor((of * batch.size) / size)) as [number, number];
  const rows = Array.from({ length: to - from }, (_, i) => from + i);
  const [, length] = batch.tokens.shape as [number, number];
  const lengths = rows.map((row) =>
    batch.tokens.attentionMask.subarray(row * length, (row + 1) * length).reduce((sum, value) => sum + value, 0),
  );
  const longest = Math.max(...lengths);
  const cut = (values: Int32Array) =>
    Int32Array.from(rows.flatMap((row) => Array.from(values.subarray(row * length, row * length + longest))));
  const pixels = takeRows({ data: batch.pixels.data as Float32Array, shape: [batch.size, 48] }, rows);
  return {
    size: rows.length,
    pixels: { data: pixels.data, shape: [rows.length, 4, 4, 3] },
    tokens: {
      shape: [rows.length, longest],
      inputIds: cut(batch.tokens.inputIds),
      attentionMask: cut(batch.tokens.attentionMask),
    },
    ids: rows.map((row) => batch.ids[row]!),
    ...(batch.negatives && { negatives: batch.negatives }),
  };
}

type Options = Partial<TrainerOptions<FusedOutputs>> & { readonly model?: TinyOptions };

/** Losses and parameters of a few steps on one rank. */
async function train(batches: readonly PairBatch[], { model: of, ...options }: Options, steps = 10) {
  // dropout in every part; batch norm sees a rank's rows alone, so it is left out where runs are compared
  const model = tinyModel({ batchNorm: false, ...of });
  // the first steps of Adam turn rounding noise into whole steps: a large eps keeps it proportional
  const trainer = tinyTrainer(model, { optimizer: new AdamW({ learningRate: 0.05, eps: 1e-2 }), ...options });
  const losses: number[] = [];
  const events: TrainingEvent[] = [];
  const pairs: number[] = [];
  try {
    await trainer.fit(sourceOf(batches), {
      steps,
      onStep: (report) => {
        losses.push(report.loss);
        pairs.push(report.pairs);
      },
      onEvent: (event) => {
        events.push(event);
      },
    });
    return { losses, pairs, events, state: await stateDict(model) };
  } finally {
    trainer.dispose();
    model.dispose();
  }
}

async function onRanks<Result>(size: number, run: (communicator: Communicator) => Promise<Result>): Promise<Result[]> {
  return Promise.all(inProcessGroup(size).map(run));
}

function expectSame(got: Awaited<ReturnType<typeof train>>, wanted: Awaited<ReturnType<typeof train>>): void {
  for (const [i, loss] of got.losses.entries()) expect(Math.abs(loss - wanted.losses[i]!)).toBeLessThan(1e-5);
  for (const [name, { data }] of got.state) {
    const other = wanted.state.get(name)!.data;
    for (let i = 0; i < data.length; i++) expect(Math.abs(data[i]! - other[i]!), name).toBeLessThan(2e-5);
  }
}

describe.each(['cpu', 'onnxruntime'])('training on several ranks, on %s', (backend) => {
  it.each([
    ['2 ranks', 2, {}],
    ['3 ranks of unequal shares', 3, {}],
    ['4 ranks in chunks', 4, { chunkSize: 2 }],
    ['2 ranks with a loss that reads towers alone', 2, { loss: new InfoNCE(), unusedParameters: 'warn' }],
    ['2 ranks with a frozen tower', 2, { freeze: [{ match: 'text' }] }],
  ] satisfies [string, number, Options][])('%s equal one process, dropout included', async (_, size, options) => {
    await tf.setBackend(backend);
    const batches = tinyBatches(3, 10);
    const given: Options = options;
    const wanted = await train(batches, given);
    const runs = await onRanks(size, (communicator) =>
      train(
        batches.map((batch) => shareOf(batch, communicator)),
        { ...given, communicator },
      ),
    );
    for (const run of runs) {
      expectSame(run, wanted);
      expect(run.losses).toEqual(runs[0]!.losses);
      expect(run.pairs).toEqual(wanted.pairs);
      for (const [name, { data }] of run.state) expect(data, name).toEqual(runs[0]!.state.get(name)!.data);
    }
  });
});

describe('a run of several ranks', () => {
  beforeAll(() => tf.setBackend('onnxruntime'));

  const rows = (batch: PairBatch, communicator: Communicator | undefined) =>
    communicator ? shareOf(batch, communicator) : batch;

  /** A part of a run, on one process or several ranks, that leaves its checkpoint in a folder. */
  async function part(checkpoint: string, size: number, steps: number): Promise<number[][]> {
    const on = async (communicator: Communicator | undefined) => {
      const model = tinyModel({ batchNorm: false });
      const optimizer = new AdamW({ learningRate: 0.05, eps: 1e-2 });
      const trainer = tinyTrainer(model, { optimizer, communicator });
      const losses: number[] = [];
      await trainer.fit(sourceOf(tinyBatches(3, 10).map((batch) => rows(batch, communicator))), {
        steps,
        checkpoint,
        resume: true,
        onStep: ({ loss }) => {
          losses.push(loss);
        },
        onEvent: () => {},
      });
      trainer.dispose();
      model.dispose();
      return losses;
    };
    return size === 1 ? [await on(undefined)] : onRanks(size, on);
  }

  it('goes on with another number of ranks as if nothing had happened', async () => {
    const whole = await part(join(folder, 'whole'), 1, 9);
    const place = join(folder, 'parts');
    const parts = [await part(place, 2, 2), await part(place, 3, 5), await part(place, 1, 7), await part(place, 4, 9)];
    for (const ranks of parts) for (const losses of ranks) expect(losses).toEqual(ranks[0]);
    const losses = parts.flatMap(([first]) => first!);
    expect(losses).toHaveLength(9);
    for (const [i, loss] of losses.entries()) expect(Math.abs(loss - whole[0]![i]!)).toBeLessThan(1e-4);
  });

  it('sets negatives of all ranks against all pairs, and reads the labels of all', async () => {
    const batches = tinyBatches(2, 8).map((batch, b) => ({
      ...batch,
      labels: {
        group: Int32Array.from({ length: 8 }, (_, i) => (i + b) % 3),
        size: Float32Array.from(batch.ids, (_, i) => i),
      },
    }));
    const [more] = tinyBatches(1, 4, { seed: 9, length: 6 });
    const negatives = (from: number, to: number): PairBatch['negatives'] => {
      const of = shareOf(more!, { rank: from / (to - from), size: 4 / (to - from) });
      const ids = of.ids.map((id) => `other ${id}`);
      return { image: { pixels: of.pixels, ids }, text: { tokens: of.tokens, ids } };
    };
    const wanted = await withHeads(
      undefined,
      batches.map((batch) => ({ ...batch, negatives: negatives(0, 4) })),
    );
    const runs = await onRanks(2, (communicator) => {
      const { rank } = communicator;
      const mine = batches.map(
        (batch): PairBatch => ({
          ...shareOf(batch, communicator),
          labels: {
            group: batch.labels.group.slice(rank * 4, rank * 4 + 4),
            size: batch.labels.size.slice(rank * 4, rank * 4 + 4),
          },
          negatives: negatives(rank * 2, rank * 2 + 2),
        }),
      );
      return withHeads(communicator, mine);
    });
    for (const losses of runs) {
      for (const [i, loss] of losses.entries()) expect(Math.abs(loss - wanted[i]!)).toBeLessThan(1e-5);
    }
  });

  /** Losses of a model with heads that reads negatives and labels. */
  async function withHeads(communicator: Communicator | undefined, batches: readonly PairBatch[]): Promise<number[]> {
    const model = new MultiModalEncoder({
      image: new TinyImageEncoder(),
      text: new TinyTextEncoder(),
      fusion: new AttentionFusion({ embedDim: 8, numHeads: 2 }),
      heads: {
        group: new Classification({ embedDim: 8, classes: ['a', 'b', 'c'] }),
        size: new Regression({ embedDim: 8 }),
      },
    });
    const loss = new WeightedSum<FusedOutputs>([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'labels', loss: new LabelLoss() },
    ]);
    const trainer = new Trainer(model, {
      loss,
      communicator,
      unusedParameters: 'warn',
      optimizer: new AdamW({ learningRate: 0.05, eps: 1e-2 }),
    });
    const losses: number[] = [];
    await trainer.fit(sourceOf(batches), {
      steps: 4,
      onEvent: () => {},
      onStep: (report) => {
        losses.push(report.loss);
      },
    });
    trainer.dispose();
    model.dispose();
    return losses;
  }

  it('moves running statistics by the mean over ranks, so that all have the same', async () => {
    const runs = await onRanks(2, (communicator) =>
      train(
        tinyBatches(2, 8).map((batch) => shareOf(batch, communicator)),
        { communicator, model: { batchNorm: true } },
        3,
      ),
    );
    for (const name of ['image.bn.running_mean', 'image.bn.running_var']) {
      const [first, second] = runs.map(({ state }) => state.get(name)!.data);
      expect(second).toEqual(first);
      expect(first!.some((value) => value !== 0 && value !== 1)).toBe(true);
    }
    expect(runs[0]!.events).toContainEqual({
      kind: 'warning',
      message: expect.stringMatching(/2 ranks: 1 batch norm layers .* rank's rows/),
    });
  });

  it('measures on rank 0 alone, and all stop early together', async () => {
    let measured = 0;
    const results = await onRanks(3, async (communicator) => {
      const model = tinyModel({ batchNorm: false });
      const trainer = tinyTrainer(model, { communicator });
      const result = await trainer.fit(sourceOf(tinyBatches(2, 9).map((batch) => shareOf(batch, communicator))), {
        epochs: 50,
        validate: {
          run: () => {
            measured++;
            return { score: 1 };
          },
          monitor: 'score',
          patience: 2,
        },
        onEvent: () => {},
      });
      trainer.dispose();
      model.dispose();
      return result;
    });
    expect(results.map(({ stopped, epochs }) => [stopped, epochs])).toEqual([
      ['early', 3],
      ['early', 3],
      ['early', 3],
    ]);
    expect(measured).toBe(3);
  });

  it('stops everywhere where one is asked to', async () => {
    const controller = new AbortController();
    const results = await onRanks(2, async (communicator) => {
      const model = tinyModel({ batchNorm: false });
      const trainer = tinyTrainer(model, { communicator });
      const result = await trainer.fit(sourceOf(tinyBatches(2, 8).map((batch) => shareOf(batch, communicator))), {
        epochs: 50,
        ...(communicator.rank === 1 && { signal: controller.signal }),
        onStep: ({ step }) => {
          if (communicator.rank === 1 && step === 3) controller.abort();
        },
        onEvent: () => {},
      });
      trainer.dispose();
      model.dispose();
      return result;
    });
    expect(results.map(({ stopped, steps }) => [stopped, steps])).toEqual([
      ['aborted', 3],
      ['aborted', 3],
    ]);
  });

  it('fails everywhere where one fails', async () => {
    const runs = inProcessGroup(2).map(async (communicator) => {
      const model = tinyModel({ batchNorm: false });
      const trainer = tinyTrainer(model, { communicator });
      await trainer.fit(sourceOf(tinyBatches(2, 8).map((batch) => shareOf(batch, communicator))), {
        steps: 5,
        onStep: ({ step }) => {
          if (communicator.rank === 1 && step === 2) throw new Error('disk full');
        },
        onEvent: () => {},
      });
    });
    const [first, second] = await Promise.allSettled(runs);
    expect(second).toMatchObject({ status: 'rejected', reason: { message: 'disk full' } });
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'communication' } });
    expect(String((first as PromiseRejectedResult).reason)).toContain('rank 1 has failed: disk full');
  });

  it('says where ranks have other models, or batches of other labels', async () => {
    const others = inProcessGroup(2).map((communicator) => {
      const model = tinyModel({ batchNorm: communicator.rank === 1 });
      const trainer = tinyTrainer(model, { communicator });
      return trainer.fit(sourceOf(tinyBatches(1, 4)), { steps: 1, onEvent: () => {} });
    });
    for (const other of await Promise.allSettled(others))
      expect(String((other as PromiseRejectedResult).reason)).toMatch(/other parameters on rank 1 than on rank 0/);
    const communicator = { rank: 2, size: 2 } as Communicator;
    expect(() => tinyTrainer(tinyModel(), { communicator })).toThrow(/communicator/);
  });
});
