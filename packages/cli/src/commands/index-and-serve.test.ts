import { mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openIndex } from '@diptych/search';
import { readIndexFacts, serve } from '@diptych/serve';
import { createClient } from '@diptych/serve/client';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { writePictures, writeSmallModel } from '../../../serve/test/small-model.js';
import { type IndexFlags, index } from './index-pictures-run.js';

let folder: string;
const path = (...names: string[]) => join(folder, ...names);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-index-'));
  const model = await writeSmallModel(path('runs/001'));
  model.dispose();
  writeFileSync(path('runs/001/metrics.json'), '{}'); // a finished run
  const [first] = await writePictures(path('pictures'), 6);
  writeFileSync(first!.replace('.png', '.txt'), 'red round\nblue\n');
  writeFileSync(path('pictures/broken.png'), 'no picture');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(captions?: IndexFlags['captions']): Promise<unknown> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  vi.spyOn(console, 'error').mockImplementation(() => {});
  const flags: IndexFlags = {
    runs: path('runs'),
    captions,
    out: path('index'),
    vectors: 'both',
    precision: 'float32',
    backend: 'onnxruntime',
    json: true,
  };
  try {
    await index(flags, path('pictures'));
    return JSON.parse(log.mock.calls[0]![0] as string);
  } finally {
    vi.restoreAllMocks();
  }
}

it('indexes a folder, then only what has changed, and what is indexed can be served', async () => {
  expect(await run()).toEqual({ index: path('index'), rows: 6, added: 6, unchanged: 0, removed: 0, bad: 1 });
  expect(await run()).toMatchObject({ rows: 6, added: 0, unchanged: 6 });
  const [gone] = readdirSync(path('pictures/cold/deep'));
  unlinkSync(path('pictures/cold/deep', gone!));
  expect(await run()).toMatchObject({ rows: 5, added: 0, unchanged: 5, removed: 1 });

  expect(await readIndexFacts(path('index'))).toEqual({
    model: path('runs/001'),
    modelId: expect.stringMatching(/^[0-9a-f]{32}$/),
    pictures: path('pictures'),
  });
  const { load } = await import('diptych');
  const model = await load(path('runs/001'));
  const server = await serve({ model, index: path('index'), port: 0, page: false });
  try {
    const client = createClient(server.url);
    const { hits } = await client.search({ text: 'red round', k: 10 });
    expect(hits).toHaveLength(5);
    const captions = hits.map(({ metadata }) => metadata.caption);
    expect(captions).toContain('red round\nblue');
    expect((await fetch(client.thumbnailUrl(hits[0]!.id))).status).toBe(200);
  } finally {
    await server.close();
    model.dispose();
  }

  // the same part of the texts beside pictures as in training; what has another caption is embedded again
  expect(await run('first')).toMatchObject({ added: 1, unchanged: 4 });
  const rows = await openIndex(path('index'), { readonly: true });
  expect(await rows.count({ caption: 'red round' })).toBe(1);
  await rows.close();
});
