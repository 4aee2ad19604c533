import '@diptych/tfjs-backend-onnxruntime';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'diptych';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { PushHub } from '../../../weights/src/node/push-hub.fixture.js';
import { squares } from '../../test/squares.js';
import { tinyTowers } from '../../test/tiny-towers.js';
import { trainPlan } from '../config/train-plan.js';
import { runTraining } from '../job/run-training.js';
import { exportRun } from './export-run.js';
import { push } from './push-run.js';

let folder: string;
const said: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'export-formats-'));
  vi.spyOn(console, 'log').mockImplementation((text: string) => void said.push(text));
  const towers = await tinyTowers(join(folder, 'towers'));
  await squares(join(folder, 'pictures'), 4);
  const asked = { split: 'random', quick: true, fresh: false, dryRun: false, json: false } as const;
  await runTraining(trainPlan({ ...asked, ...towers, data: join(folder, 'pictures'), runs: join(folder, 'runs') }, {}));
  said.length = 0;
}, 120_000);
afterEach(() => {
  said.length = 0;
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const flags = (out: string, more: object = {}) => ({
  runs: join(folder, 'runs'),
  out: join(folder, out),
  force: false,
  json: false,
  int8: false,
  vectors: 'float32' as const,
  view: 1024,
  license: 'other',
  ...more,
});

it('writes the pictures of a run as a page, and says what int8 costs', { timeout: 120_000 }, async () => {
  await exportRun(flags('site', { int8: true, view: 0, json: true }), 'browser');
  const { rows, recall, large } = JSON.parse(said.at(-1)!);
  expect(rows).toBe(24);
  expect(large).toEqual([]);
  expect(recall.pairs).toBeGreaterThan(3);
  expect(recall.float32['recall@10']).toBe(1);
  expect(recall.leastCosine).toBeGreaterThan(0.9);
  const readme = readFileSync(join(folder, 'site/README.md'), 'utf8');
  expect(readme).toMatch(/text as float32 +\d\.\d{3} +\d\.\d{3} +1\.000\ntext as int8/);
  const site = JSON.parse(readFileSync(join(folder, 'site/site.json'), 'utf8'));
  expect(site.text.file).toBe('model/text.int8.onnx');
  expect(JSON.parse(readFileSync(join(folder, 'site/index/rows.json'), 'utf8'))[0].metadata.caption).toMatch(/square/);
  expect(existsSync(join(folder, 'site/index.html'))).toBe(true);
});

it('writes a repository for the hub, with a card of the run, and pushes it', { timeout: 120_000 }, async () => {
  await exportRun(flags('hub', { license: 'mit' }), 'hf');
  const card = readFileSync(join(folder, 'hub/README.md'), 'utf8');
  const [, block] = card.split(/^---$/m);
  expect(block).toMatch(/^license: mit$/m);
  expect(block).toMatch(/^library_name: (transformers|sentence-transformers)$/m);
  expect(block).toMatch(/name: "Recall@1, text to image"\n {6}value: \d/);
  expect(card).toMatch(/## Results[\s\S]*\| text to image \|[\s\S]*## Training[\s\S]*`random`[\s\S]*## Limits/);
  expect(card).not.toContain(folder); // nobody needs to know where it was made
  const own = await load(join(folder, 'hub/diptych'));
  own.dispose();
  const hub = await PushHub.start();
  vi.stubEnv('HF_TOKEN', 'hf_good');
  await push({ public: false, json: true, endpoint: hub.endpoint }, join(folder, 'hub'), 'me/squares');
  expect(JSON.parse(said.at(-1)!)).toMatchObject({ created: true, url: `${hub.endpoint}/me/squares` });
  expect(hub.repositories.get('me/squares')!.branches.get('main')!.has('README.md')).toBe(true);
  await hub.stop();
  vi.unstubAllEnvs();
});

it('says which flags belong to which format, and refuses what is no licence', async () => {
  await expect(exportRun(flags('x', { int8: true }), 'onnx')).rejects.toThrow(
    /export onnx: --int8: .* one of export browser/,
  );
  await expect(exportRun(flags('x', { license: 'mit' }), 'browser')).rejects.toThrow(/--license/);
  await expect(exportRun(flags('y', { license: 'All rights reserved' }), 'hf')).rejects.toThrow(/word for a licence/);
});
