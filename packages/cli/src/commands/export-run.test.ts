import '@diptych/tfjs-backend-onnxruntime';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { BagOfTokens, MultiModalEncoder, SmallCNN, save } from 'diptych';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { METRICS_FILE } from '../job/runs.js';
import { VOCABULARY } from '../job/vocabulary.js';
import { exportRun } from './export-run.js';

let folder: string;
const said: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-export-'));
  const words = tokenizer(VOCABULARY);
  const encoder = new MultiModalEncoder({
    image: new SmallCNN({ embedDim: 6, imageSize: 16, channels: [4, 8], seed: 1 }),
    text: new BagOfTokens({ vocabSize: words.vocabSize, embedDim: 6, seed: 2 }),
  });
  const transform = compose([resize([16, 16]), toTensor(), normalize('imagenet')]);
  await save(join(folder, 'runs/001'), { encoder, transform, tokenizer: words, tokenize: { maxLength: 8 } });
  encoder.dispose();
  writeFileSync(join(folder, 'runs/001', METRICS_FILE), '{}');
  vi.spyOn(console, 'log').mockImplementation((text: string) => void said.push(text));
});
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

it('writes the model as ONNX, and says how far it is from the original', async () => {
  await exportRun(flags('onnx'), 'onnx');
  expect(said[0]).toMatch(
    /runs\/001 as onnx in .*\n {2}image.onnx: pixels: float32 \[batch, 16, 16, 3\] -> embedding: .*e-\d from the model/,
  );
  for (const file of ['image.onnx', 'text.onnx', 'preprocessing.json', 'tokenizer', 'README.md']) {
    expect(existsSync(join(folder, 'onnx', file))).toBe(true);
  }
  await exportRun(flags('onnx', { json: true, force: true }), 'onnx');
  const { format, files } = JSON.parse(said[1]!);
  expect(format).toBe('onnx');
  expect(files.map(({ file }: { file: string }) => file)).toEqual(['image.onnx', 'text.onnx']);
  for (const { parity } of files) expect(parity).toBeLessThan(1e-4);
});

it('leaves folders that hold something alone', async () => {
  mkdirSync(join(folder, 'mine'));
  writeFileSync(join(folder, 'mine/README.md'), 'mine');
  await expect(exportRun(flags('mine'), 'onnx')).rejects.toThrow(/expected an empty folder, or a new one.*--force/);
  expect(readFileSync(join(folder, 'mine/README.md'), 'utf8')).toBe('mine');
  await expect(exportRun(flags('mine/README.md'), 'onnx')).rejects.toThrow(/got a file/);
});

it('says that no run is finished', async () => {
  await expect(exportRun(flags('none', { runs: join(folder, 'other') }), 'onnx')).rejects.toThrow(/a finished run/);
  expect(existsSync(join(folder, 'none'))).toBe(false);
});
