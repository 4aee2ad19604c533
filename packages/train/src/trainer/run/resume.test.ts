import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDiptychError } from '@diptych/core';
import type { StepReport, TrainingEvent, TrainingSnapshot } from '@diptych/train';
import { FolderCheckpoints, jsonlLog } from '@diptych/train/node';
import { writeSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { eachFolder } from '../../../../core/test/each-folder.js';
import { sourceOf, tinyBatches } from '../../../test/tiny-model.js';
import { tinyModel, tinyTrainer } from '../../../test/tiny-run.js';

beforeAll(() => tf.setBackend('cpu'));

let folder: string;
eachFolder('train', (path) => {
  folder = path;
});

const source = () => sourceOf(tinyBatches(5, 6));

async function losses(trainer = tinyTrainer(), options: Parameters<typeof trainer.fit>[1] = { steps: 17 }) {
  const seen = new Map<number, number>();
  await trainer.fit(source(), {
    ...options,
    onStep: async (report: StepReport) => {
      seen.set(report.step, report.loss);
      await options.onStep?.(report);
    },
  });
  return seen;
}

describe('resume', () => {
  it.each(['onnxruntime', 'cpu'])(
    'goes on with the identical losses on %s, from the middle of an epoch, with averages and a frozen tower',
    async (backend) => {
      await tf.setBackend(backend);
      const options = { ema: { decay: 0.9 }, freeze: [{ match: 'text', untilStep: 9 }] };
      const wanted = await losses(tinyTrainer(tinyModel(), options));
      const stop = new AbortController();
      const first = await losses(tinyTrainer(tinyModel(), options), {
        steps: 17,
        checkpoint: folder,
        signal: stop.signal,
        onStep: ({ step }) => {
          if (step === 7) stop.abort();
        },
      });
      expect([...first.keys()].at(-1)).toBe(7);
      const events: TrainingEvent[] = [];
      const rest = await losses(tinyTrainer(tinyModel({ seed: 77 }), options), {
        steps: 17,
        checkpoint: folder,
        resume: true,
        onEvent: (event) => {
          events.push(event);
        },
      });
      expect(events[0]).toEqual({ kind: 'resumed', step: 7, changes: [] });
      expect([...rest.keys()][0]).toBe(8);
      expect(new Map([...first, ...rest])).toEqual(wanted);
    },
  );

  it('hands a source its state back', async () => {
    const batches = tinyBatches(5, 6);
    let given = 0;
    const resumed: unknown[] = [];
    const stateful = {
      *epoch() {
        for (; given < 5; given++) {
          const batch = batches[given]!;
          yield batch;
        }
        given = 0;
      },
      state: () => ({ given: given + 1 }),
      resume: (state: unknown) => {
        resumed.push(state);
        given = (state as { given: number }).given;
      },
    };
    const trainer = tinyTrainer();
    await trainer.fit(stateful, { steps: 3, checkpoint: folder });
    given = 0;
    const seen: number[] = [];
    await tinyTrainer().fit(stateful, {
      steps: 6,
      checkpoint: folder,
      resume: true,
      onStep: ({ epoch }) => {
        seen.push(epoch);
      },
    });
    expect(resumed).toEqual([{ given: 3 }]);
    expect(seen).toEqual([0, 0, 1]);
  });

  it('refuses a checkpoint of another seed, of other options, of another model', async () => {
    await losses(tinyTrainer(), { steps: 2, checkpoint: folder });
    await expect(tinyTrainer(tinyModel(), { seed: 1 }).resume(folder)).rejects.toThrow(/seed 1.*seed 0/);
    await expect(tinyTrainer(tinyModel(), { ema: { decay: 0.5 } }).resume(folder)).rejects.toThrow(/ema/);
    const other = tinyTrainer(tinyModel({ batchNorm: false }));
    await expect(other.resume(folder)).rejects.toSatisfy(
      (error) => isDiptychError(error) && error.code === 'checkpoint',
    );
    await expect(other.resume(folder)).rejects.toThrow(
      /model is another one than the run's: image.bn.\w+ is in the run alone.*and 1 more; to resume, build/,
    );
    expect(await tinyTrainer().resume(join(folder, 'nothing here'))).toBe(false);
  });
});

describe('FolderCheckpoints', () => {
  const names = () => readdirSync(join(folder, 'checkpoints'));

  it('keeps the last ones and the best', async () => {
    const scores = [0.1, 0.9, 0.5, 0.3, 0.2, 0.4];
    let validations = 0;
    await losses(tinyTrainer(), {
      steps: 12,
      checkpoint: folder,
      checkpointEvery: { steps: 2 },
      validate: { run: () => ({ score: scores[validations++]! }), everySteps: 2, monitor: 'score' },
    });
    expect(names()).toEqual(['step-000000004', 'step-000000010', 'step-000000012']);
    const store = new FolderCheckpoints(join(folder, 'checkpoints'));
    expect((await store.load('best'))!.state.step).toBe(4);
    expect((await store.load('latest'))!.state.step).toBe(12);
    expect((await store.load('step-000000010'))!.state.step).toBe(10);
    expect(await store.load('step-000000006')).toBeUndefined();
  });

  it('passes over damaged ones, and says so', async () => {
    await losses(tinyTrainer(), { steps: 4, checkpoint: folder, checkpointEvery: { steps: 2 } });
    const damagedFile = join(folder, 'checkpoints', 'step-000000004', 'optimizer.safetensors');
    const bytes = readFileSync(damagedFile);
    bytes[bytes.length - 3]! ^= 1;
    writeFileSync(damagedFile, bytes);
    const said: string[] = [];
    const store = new FolderCheckpoints(join(folder, 'checkpoints'));
    const load = (which: string) => store.load(which, (name, message) => void said.push(`${name}: ${message}`));
    expect((await load('latest'))!.state.step).toBe(2);
    expect(said).toEqual([expect.stringMatching(/^step-000000004: .*optimizer\.safetensors is damaged/)]);
    await expect(store.load('step-000000004')).rejects.toThrow(/damaged/);
    truncateSync(join(folder, 'checkpoints', 'step-000000002', 'checkpoint.json'), 20);
    expect(await store.load('latest')).toBeUndefined();
  });

  it('a full disk is said, the last good checkpoint stays, and training goes on', async () => {
    let writes = 0;
    const store = new FolderCheckpoints(folder, {
      writeTensors: async (path, tensors) => {
        await writeSafetensors(path, tensors);
        if (++writes > 2 && writes < 6) {
          writeFileSync(`${path}.half`, 'x');
          throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        }
      },
    });
    const events: TrainingEvent[] = [];
    await losses(tinyTrainer(), {
      steps: 8,
      checkpoint: store,
      checkpointEvery: { steps: 2 },
      onEvent: (event) => {
        events.push(event);
      },
    });
    const failed = events.filter(({ kind }) => kind === 'checkpointFailed');
    expect(failed).toHaveLength(3);
    expect(failed[0]).toMatchObject({ step: 4, message: expect.stringMatching(/disk is full.*step-000000002/) });
    expect(readdirSync(folder)).toEqual(['step-000000002', 'step-000000008']);
  });

  it('throws when the last checkpoint of a run cannot be written', async () => {
    const store = new FolderCheckpoints(folder, {
      writeTensors: () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })),
    });
    await expect(losses(tinyTrainer(), { steps: 2, checkpoint: store })).rejects.toThrow(/disk is full.*none yet/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('notices a write that did not arrive', async () => {
    const store = new FolderCheckpoints(folder, {
      writeTensors: async (path, tensors) => {
        const changed = new Map(tensors as ReadonlyMap<string, { data: Float32Array }>) as never;
        await writeSafetensors(path, changed);
        const bytes = readFileSync(path);
        bytes[bytes.length - 1]! ^= 0x40;
        writeFileSync(path, bytes);
      },
    });
    await expect(store.save(await tinyTrainer().snapshot())).rejects.toThrow(/damaged/);
  });

  it('saves and loads every bit, also of numbers that are no numbers', async () => {
    const data = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45);
    const snapshot: TrainingSnapshot = {
      tensors: { model: new Map([['x', { dtype: 'float32', shape: [4], data }]]) },
      state: { step: 3 },
    };
    const store = new FolderCheckpoints(folder);
    await store.save(snapshot);
    const back = (await store.load('latest'))!.tensors.model!.get('x')!;
    expect(new Uint32Array(back.data.buffer, back.data.byteOffset, 4)).toEqual(new Uint32Array(data.buffer));
  });
});

describe('jsonlLog', () => {
  it('writes a line a step and event', async () => {
    const path = join(folder, 'deep', 'log.jsonl');
    await losses(tinyTrainer(), { steps: 3, checkpoint: folder, log: jsonlLog(path) });
    const lines = readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; step?: number; message?: string });
    const place = lines.findIndex(({ kind }) => kind === 'warning');
    expect(lines.splice(place, 1)[0]!.message).toContain('have the caption of another pair');
    expect(lines.map(({ kind, step }) => `${kind} ${step}`)).toEqual(['step 1', 'step 2', 'step 3', 'checkpoint 3']);
  });
});
