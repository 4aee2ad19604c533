import '@diptych/tfjs-backend-onnxruntime';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'diptych';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { squares } from '../../test/squares.js';
import { tinyTowers } from '../../test/tiny-towers.js';
import { evaluateRun } from '../commands/eval-run.js';
import { trainPlan } from '../config/train-plan.js';
import { dryRun } from './dry-run.js';
import { runTraining } from './run-training.js';

let folder: string;
let pictures: string;
let towers: { image: string; text: string };
const said: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-cli-'));
  pictures = await squares(join(folder, 'pictures'), 14);
  towers = await tinyTowers(join(folder, 'towers'));
  vi.spyOn(console, 'log').mockImplementation((text: string) => void said.push(text));
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const planOf = (runs: string, more: object = {}) =>
  trainPlan(
    {
      data: pictures,
      runs: join(folder, runs),
      split: 'random',
      quick: false,
      fresh: false,
      dryRun: false,
      json: false,
      ...towers,
      ...more,
    },
    {},
  );

describe('runTraining on trained towers', () => {
  it('trains heads, and leaves a model that loads and figures that eval finds again', async () => {
    expect(await runTraining(planOf('heads'))).toBe('finished');
    const run = join(folder, 'heads/001');
    const metrics = JSON.parse(readFileSync(join(run, 'metrics.json'), 'utf8'));
    // six captions: a picture of the right one comes first more often than one time in six
    expect(metrics.textToImage['recall@1']).toBeGreaterThan(0.5);
    const model = await load(run);
    const [found] = (await model.embedImages([join(pictures, 'dark-red-0.png')])).toArray();
    expect(found).toHaveLength(32);
    model.dispose();
    said.length = 0;
    await evaluateRun({ runs: join(folder, 'heads'), data: pictures, backend: 'onnxruntime', json: true });
    const again = JSON.parse(said.at(-1)!);
    expect(again.candidates).toBe(metrics.candidates);
    expect(again.textToImage['recall@1']).toBeCloseTo(metrics.textToImage['recall@1'], 5);
  });

  it('gives the same numbers again, from features that were kept', async () => {
    const before = readdirSync(join(folder, 'heads/.features'));
    await runTraining(planOf('heads'));
    const figures = (run: string) => {
      const { textToImage, matching } = JSON.parse(readFileSync(join(folder, 'heads', run, 'metrics.json'), 'utf8'));
      return { textToImage, matching };
    };
    expect(figures('002')).toEqual(figures('001'));
    expect(readdirSync(join(folder, 'heads/.features'))).toEqual(before);
  });

  it.each(['lora', 'all'] as const)('trains the towers as well: %s', async (tune) => {
    expect(await runTraining(planOf(tune, { tune, quick: true }))).toBe('finished');
    const metrics = JSON.parse(readFileSync(join(folder, tune, '001/metrics.json'), 'utf8'));
    expect(metrics.textToImage['recall@10']).toBeGreaterThan(0.5);
    (await load(join(folder, tune, '001'))).dispose();
  });

  it('says what it would do and take, and does nothing', async () => {
    said.length = 0;
    await dryRun({ ...planOf('dry'), json: true });
    const plan = JSON.parse(said.at(-1)!);
    expect(plan).toMatchObject({ pairs: 84, heldOut: 16, split: 'random' });
    expect(plan.parts).toContainEqual(expect.objectContaining({ name: 'image', trainable: 0 }));
    expect(plan.parts).toContainEqual(expect.objectContaining({ name: 'heads' }));
    expect(plan.stages.every(({ seconds }: { seconds: number }) => seconds > 0)).toBe(true);
    expect(plan.peakRssMiB).toBeGreaterThan(plan.memory.measuredMiB);
    expect(plan.memory.growing.every(({ MiB }: { MiB: number }) => MiB >= 0)).toBe(true);
    expect(() => readdirSync(join(folder, 'dry'))).toThrow();
  });
});
