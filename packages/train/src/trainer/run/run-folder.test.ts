import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDiptychError, type PairBatch } from '@diptych/core';
import { ownIdentity } from '@diptych/core/node';
import {
  AdamW,
  ImageTextMatching,
  InfoNCE,
  type StepReport,
  Trainer,
  type TrainingEvent,
  type TrainingSnapshot,
  WeightedSum,
} from '@diptych/train';
import { FolderCheckpoints, jsonlLog } from '@diptych/train/node';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { eachFolder } from '../../../../core/test/each-folder.js';
import { sourceOf, tinyBatches } from '../../../test/tiny-model.js';
import { tinyLoss, tinyModel, tinyTrainer } from '../../../test/tiny-run.js';

beforeAll(() => tf.setBackend('cpu'));

let folder: string;
eachFolder('run', (path) => {
  folder = path;
});

const logOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly kind: string; readonly step?: number });
const checkpoints = () => readdirSync(join(folder, 'checkpoints')).sort();
const source = (size = 6) => sourceOf(tinyBatches(5, size));

type Options = Parameters<ReturnType<typeof tinyTrainer>['fit']>[1];

async function fit(options: Options, trainer = tinyTrainer(), batches: Parameters<typeof trainer.fit>[0] = source()) {
  const events: TrainingEvent[] = [];
  const steps: StepReport[] = [];
  const result = await trainer.fit(batches, {
    checkpoint: folder,
    onEvent: (event) => {
      events.push(event);
    },
    onStep: (report) => {
      steps.push(report);
    },
    ...options,
  });
  return { result, events, steps };
}

function damage(name: string): void {
  truncateSync(join(folder, 'checkpoints', name, 'checkpoint.json'), 20);
}

describe('a new run', () => {
  it('is refused where another one has checkpoints, and touches none of them', async () => {
    await fit({ steps: 12, checkpointEvery: { steps: 4 } });
    const before = checkpoints();
    await expect(fit({ steps: 3 })).rejects.toThrow(/another run; pass resume: true .* fresh: true .*another folder/);
    expect(checkpoints()).toEqual(before);
    const { steps } = await fit({ steps: 14, resume: true });
    expect(steps[0]!.step).toBe(13);
  });

  it('puts the old checkpoints aside when it is asked to, and is the one that is resumed', async () => {
    const path = join(folder, 'log.jsonl');
    await fit({ steps: 12, checkpointEvery: { steps: 4 }, log: jsonlLog(path) });
    renameSync(join(folder, 'checkpoints', 'step-000000008'), join(folder, 'checkpoints', 'step-000000008-damaged-3'));
    const { events, steps } = await fit({ steps: 3, checkpointEvery: { steps: 1 }, fresh: true, log: jsonlLog(path) });
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(events[0]).toMatchObject({ kind: 'movedAside' });
    const { to } = events[0] as { to: string };
    expect(readdirSync(to)).toEqual(['log.jsonl', 'step-000000008-damaged-3', 'step-000000012']);
    expect(checkpoints()).toEqual([to.split('/').at(-1), 'step-000000002', 'step-000000003']);
    expect((await fit({ steps: 5, resume: true, log: jsonlLog(path) })).steps[0]!.step).toBe(4);
    expect(logOf(join(to, 'log.jsonl')).filter(({ kind }) => kind === 'step')).toHaveLength(12);
    const [first, ...others] = logOf(path);
    expect(first).toMatchObject({ kind: 'movedAside', to });
    expect(others.filter(({ kind }) => kind === 'step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
    // the old one can be gone on with from where it lies
    const old = tinyTrainer();
    expect(await old.resume(new FolderCheckpoints(to))).toBe(true);
    expect(old.step).toBe(12);
  });

  it('goes on in its own folder, also from an older checkpoint, which then is the latest', async () => {
    const trainer = tinyTrainer();
    await fit({ steps: 2 }, trainer);
    await fit({ steps: 8, checkpointEvery: { steps: 4 } }, trainer);
    await trainer.resume(folder, 'step-000000004');
    await fit({ steps: 5 }, trainer);
    expect(checkpoints()).toEqual(['step-000000005', 'step-000000008']);
    const again = tinyTrainer();
    await again.resume(folder);
    expect(again.step).toBe(5);
  });

  it('is not written over by a store in other hands', async () => {
    const store = new FolderCheckpoints(folder);
    const snapshot = await tinyTrainer().snapshot();
    await store.save(snapshot);
    await expect(store.save(await tinyTrainer().snapshot())).rejects.toThrow(/belongs to another run/);
    expect((await store.load('latest'))!.state.run).toBe(snapshot.state.run);
  });

  it('is refused by a store of your own that tells no runs', async () => {
    let kept: TrainingSnapshot | undefined;
    const store = {
      save: async (snapshot: TrainingSnapshot) => {
        kept = snapshot;
        return 'the one';
      },
      load: async () => kept,
    };
    await fit({ steps: 2, checkpoint: store });
    await expect(fit({ steps: 2, checkpoint: store })).rejects.toThrow(/this store holds the checkpoints of another/);
    await expect(fit({ steps: 2, checkpoint: store, fresh: true })).rejects.toThrow(/no moveAside/);
    expect((await fit({ steps: 4, checkpoint: store, resume: true })).steps).toHaveLength(2);
  });
});

describe('damaged checkpoints', () => {
  it('are passed over with an event, without a word on the console', async () => {
    const warn = vi.spyOn(console, 'warn');
    await fit({ steps: 4, checkpointEvery: { steps: 2 } });
    damage('step-000000004');
    const { events, steps } = await fit({ steps: 4, resume: true });
    expect(events[0]).toMatchObject({ kind: 'checkpointDamaged', name: 'step-000000004' });
    expect(steps.map(({ step }) => step)).toEqual([3, 4]);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
    // the damaged one is still there, under another name
    expect(checkpoints()).toEqual([
      'step-000000002',
      'step-000000004',
      expect.stringMatching(/^step-000000004-damaged-/),
    ]);
  });

  it('end a resume where all are, unless a fresh start is asked for; none is deleted', async () => {
    await fit({ steps: 4, checkpointEvery: { steps: 2 } });
    damage('step-000000002');
    rmSync(join(folder, 'checkpoints', 'step-000000004', 'checkpoint.json'));
    await expect(fit({ steps: 6, resume: true })).rejects.toThrow(/every checkpoint in .* is damaged.*fresh: true/);
    await expect(fit({ steps: 6 })).rejects.toThrow(/another run/);
    const { events, steps } = await fit({ steps: 2, resume: true, fresh: true });
    expect(steps[0]!.step).toBe(1);
    expect(events.map(({ kind }) => kind)).toEqual([
      'checkpointDamaged',
      'checkpointDamaged',
      'movedAside',
      'checkpoint',
    ]);
    expect(readdirSync((events[2] as { to: string }).to)).toEqual(['step-000000002', 'step-000000004']);
  });
});

describe('a run folder', () => {
  it('that cannot be written is found before the first step', async () => {
    const onStep = vi.fn();
    const file = join(folder, 'a file');
    writeFileSync(file, '');
    await expect(fit({ steps: 1, checkpoint: file, onStep })).rejects.toThrow(/run folder .*a file.* is a file/);
    mkdirSync(join(folder, 'run'));
    writeFileSync(join(folder, 'run', 'checkpoints'), '');
    await expect(fit({ steps: 1, checkpoint: join(folder, 'run'), onStep })).rejects.toThrow(/is a file/);
    if (existsSync('/sys/kernel')) {
      await expect(fit({ steps: 1, checkpoint: '/sys/kernel/run', onStep })).rejects.toSatisfy(
        (error) =>
          isDiptychError(error) &&
          error.code === 'checkpoint' &&
          /cannot be written: it is read-only/.test(error.message),
      );
    }
    expect(onStep).not.toHaveBeenCalled();
  });

  it('without room for a checkpoint is refused', async () => {
    const store = new FolderCheckpoints(folder);
    await expect(store.open(2 ** 70)).rejects.toThrow(/room for a checkpoint of about .*the disk is full/);
    expect(readdirSync(folder)).toEqual([]);
    await store.open(1);
    await store.close();
  });

  it('is one trainer’s at a time', async () => {
    const first = tinyTrainer();
    await fit(
      {
        steps: 2,
        onStep: async ({ step }) => {
          if (step === 1) await expect(fit({ steps: 1, resume: true })).rejects.toThrow(/is training in it/);
        },
      },
      first,
    );
    expect((await fit({ steps: 3, resume: true })).result.steps).toBe(3);
    expect(checkpoints().filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('is free again once its process is gone, also when another has its number now', async () => {
    await fit({ steps: 2 });
    const lock = join(folder, 'checkpoints', '.lock');
    const write = (holder: object) => writeFileSync(lock, JSON.stringify({ ...ownIdentity(), token: 'x', ...holder }));
    write({});
    await expect(fit({ steps: 3, resume: true })).rejects.toThrow(
      new RegExp(`process ${process.pid} on .* is training`),
    );
    write({ machine: 'another machine' });
    await expect(fit({ steps: 3, resume: true })).rejects.toThrow(/is training in it/);
    utimesSync(lock, new Date(0), new Date(0));
    await fit({ steps: 3, resume: true });
    write({ pid: 4194303 });
    await fit({ steps: 4, resume: true });
    write({ started: '1' });
    await fit({ steps: 5, resume: true });
    expect(existsSync(lock)).toBe(false);
  });

  it('keeps what a living process is writing', async () => {
    await fit({ steps: 2 });
    const store = new FolderCheckpoints(join(folder, 'checkpoints'));
    const living = `.writing-step-000000009-${process.pid}`;
    const dead = '.writing-step-000000009-4194303';
    for (const name of [living, dead]) mkdirSync(join(folder, 'checkpoints', name));
    await store.save({ ...(await store.load('latest'))!, score: 1 });
    expect(checkpoints()).toContain(living);
    expect(checkpoints()).not.toContain(dead);
  });
});

/** Three steps of five of the first epoch, or the whole first epoch. */
async function begun(steps: number, trainer?: ReturnType<typeof tinyTrainer>): Promise<void> {
  await fit({ steps }, trainer);
}

const changesOf = (events: readonly TrainingEvent[]) =>
  events.flatMap((event) => (event.kind === 'resumed' ? event.changes : []));

describe('a resume (the table in docs/train.md)', () => {
  it('changes rates: allowed and logged', async () => {
    await begun(3, tinyTrainer(tinyModel(), { schedule: undefined }));
    const optimizer = new AdamW({ learningRate: 5e-3, groups: { matcher: { learningRate: 4e-2 } } });
    const { events } = await fit(
      { steps: 4, resume: true },
      tinyTrainer(tinyModel(), { optimizer, schedule: undefined }),
    );
    expect(changesOf(events)).toContainEqual({ what: 'learningRates.image', before: 1e-2, now: 5e-3 });
    expect(changesOf(events).every(({ what }) => what.startsWith('learningRates.'))).toBe(true);
  });

  it('changes clipping, chunks and freezing: allowed and logged', async () => {
    await begun(3);
    const { events } = await fit(
      { steps: 4, resume: true },
      tinyTrainer(tinyModel(), { clipNorm: 1, chunkSize: 3, freeze: [{ match: 'text' }] }),
    );
    expect(changesOf(events)).toEqual([
      { what: 'clipNorm', before: 5, now: 1 },
      { what: 'freeze.0', before: undefined, now: { match: 'text' } },
      { what: 'chunkSize', before: undefined, now: 3 },
    ]);
  });

  it('changes the batch size: refused in an epoch, allowed and logged between two', async () => {
    await begun(3);
    await expect(fit({ steps: 4, resume: true }, undefined, source(4))).rejects.toThrow(/batch size 4.*batch size 6/);
    await fit({ steps: 5, resume: true });
    const { events } = await fit({ steps: 7, resume: true }, undefined, source(4));
    expect(changesOf(events)).toEqual([{ what: 'batchSize', before: 6, now: 4 }]);
  });

  it('on other data: refused by the batches that were seen, and by content where the source knows it', async () => {
    await begun(3);
    const others = tinyBatches(5, 6).map(
      (batch): PairBatch => ({ ...batch, ids: batch.ids.map((id) => `other ${id}`) }),
    );
    await expect(fit({ steps: 4, resume: true }, undefined, sourceOf(others))).rejects.toThrow(
      /batch 3: expected the batch that the run saw/,
    );
    rmSync(folder, { recursive: true });
    const of = (content: string) => ({ ...source(), fingerprint: async () => content });
    await fit({ steps: 5 }, undefined, of('a1'));
    await expect(fit({ steps: 6, resume: true }, undefined, of('b2'))).rejects.toThrow(
      /fingerprint b2.*fingerprint a1/,
    );
    expect((await fit({ steps: 6, resume: true }, undefined, of('a1'))).result.steps).toBe(6);
  });

  it('of another loss: refused by kind, allowed and logged by option', async () => {
    await begun(3);
    const loss = new InfoNCE();
    await expect(fit({ steps: 4, resume: true }, tinyTrainer(tinyModel(), { loss }))).rejects.toThrow(
      /loss InfoNCE, got one with loss WeightedSum\(InfoNCE, ImageTextMatching\)/,
    );
    const reweighted = new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching(), weight: 0.25 },
    ]);
    const { events } = await fit({ steps: 4, resume: true }, tinyTrainer(tinyModel(), { loss: reweighted }));
    expect(changesOf(events)).toEqual([{ what: 'loss.options.terms.1.weight', before: 0.5, now: 0.25 }]);
  });

  it('of another model: refused with both shapes', async () => {
    await begun(3);
    const model = tinyModel();
    const { fc } = model.text as unknown as { fc: { weight: tf.Variable } };
    fc.weight = tf.variable(tf.zeros([4, 8]));
    const wider = new Trainer(model, { loss: tinyLoss() });
    await expect(fit({ steps: 4, resume: true }, wider)).rejects.toThrow(
      /text\.fc\.weight is \[\d+,\d+\] float32 here and \[\d+,\d+\] float32 in the run.*to resume/,
    );
  });

  it('changes seed or averages: refused', async () => {
    await begun(3);
    await expect(fit({ steps: 4, resume: true }, tinyTrainer(tinyModel(), { seed: 3 }))).rejects.toThrow(
      /seed 3.*seed 0/,
    );
    await expect(fit({ steps: 4, resume: true }, tinyTrainer(tinyModel(), { ema: { decay: 0.9 } }))).rejects.toThrow(
      /ema/,
    );
  });

  it('changes the backend: allowed and logged', async () => {
    await begun(3);
    await tf.setBackend('onnxruntime');
    const { events } = await fit({ steps: 4, resume: true });
    await tf.setBackend('cpu');
    expect(changesOf(events)).toEqual([{ what: 'backend', before: 'cpu', now: 'onnxruntime' }]);
  });

  it('changes the machine: allowed and logged', async () => {
    await begun(3);
    const file = join(folder, 'checkpoints', 'step-000000003', 'checkpoint.json');
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(/"machine": ".*"/, '"machine": "plan9 alpha, Node v20.19.0"'),
    );
    const { events } = await fit({ steps: 4, resume: true });
    expect(changesOf(events)).toMatchObject([{ what: 'machine', before: 'plan9 alpha, Node v20.19.0' }]);
  });

  it('changes the number of epochs or steps: allowed', async () => {
    await begun(3);
    expect((await fit({ epochs: 2, resume: true })).result).toMatchObject({ steps: 10, epochs: 2 });
  });

  it('of a finished run gives its last loss', async () => {
    const { result } = await fit({ epochs: 1 });
    expect((await fit({ epochs: 1, resume: true })).result).toMatchObject({ steps: 5, loss: result.loss });
  });

  it('of a checkpoint of before identities: accepted', async () => {
    await begun(4);
    const path = join(folder, 'checkpoints', 'step-000000004', 'checkpoint.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8'));
    for (const key of ['run', 'loss', 'settings', 'data']) delete manifest.state[key];
    delete manifest.sequence;
    writeFileSync(path, JSON.stringify(manifest));
    await expect(fit({ steps: 8 })).rejects.toThrow(/another run/);
    await fit({ steps: 8, resume: true, checkpointEvery: { steps: 1 } });
    expect(checkpoints()).toEqual(['step-000000007', 'step-000000008']);
  });

  it('of a folder that was moved', async () => {
    await begun(3);
    const moved = join(folder, 'elsewhere');
    cpSync(join(folder, 'checkpoints'), join(moved, 'checkpoints'), { recursive: true });
    expect((await fit({ steps: 4, resume: true, checkpoint: moved })).steps).toHaveLength(1);
  });
});
