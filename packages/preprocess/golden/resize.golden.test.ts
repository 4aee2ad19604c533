import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  centerCrop,
  compose,
  decodeImage,
  type Interpolation,
  normalize,
  resize,
  toTensor,
} from '@diptych/preprocess/image';
import { describe, expect, it } from 'vitest';
import { goldenFolder, readFamily } from './golden-folder.js';

type GoldenStep =
  | { op: 'resize'; size: number | [number, number]; interpolation: Interpolation }
  | { op: 'center_crop'; size: number | [number, number] };

interface Manifest {
  sources: Record<string, { file: string; mode: string; width: number; height: number }>;
  cases: { source: string; steps: GoldenStep[]; sizes_after_steps: [number, number][]; expected: string }[];
  tensors: { source: string; steps: GoldenStep[]; mean: Triple; std: Triple; expected: string }[];
}

type Triple = [number, number, number];

const manifest = readFamily<Manifest>('resize', 'manifest.json');
const folder = join(goldenFolder, 'resize');
const sourcePath = (name: string) => join(folder, manifest.sources[name]!.file);

function build(step: GoldenStep) {
  return step.op === 'resize' ? resize(step.size, step.interpolation) : centerCrop(step.size);
}

describe('sources', () => {
  it('are there', () => {
    expect(Object.keys(manifest.sources).length).toBeGreaterThan(0);
    expect(manifest.cases.length).toBeGreaterThan(0);
    expect(manifest.tensors.length).toBeGreaterThan(0);
  });

  it.each(Object.entries(manifest.sources))('%s decodes to its size', async (name, { width, height }) => {
    expect(await decodeImage(sourcePath(name))).toMatchObject({ width, height });
  });
});

describe('pixels equal torchvision on PIL', () => {
  it.each(manifest.cases)('$expected', async ({ source, steps, sizes_after_steps, expected }) => {
    const wanted = await decodeImage(join(folder, expected));
    const decoded = await decodeImage(sourcePath(source));
    let image = decoded;
    for (const [i, step] of steps.entries()) {
      image = build(step)(image);
      expect([image.height, image.width]).toEqual(sizes_after_steps[i]);
    }
    const fused = await compose(steps.map(build)).pixels(decoded);
    // PNG sources: identical bytes. sharp 0.35.5 decodes the JPEG sources to identical bytes too.
    for (const result of [image, fused]) {
      expect([result.height, result.width]).toEqual([wanted.height, wanted.width]);
      expect(differences(result.data, wanted.data)).toBe(0);
    }
  });
});

describe('normalised tensors', () => {
  it.each(manifest.tensors)('$expected', async ({ source, steps, mean, std, expected }) => {
    const { shape, data } = readTensor(join(folder, expected), 'pixel_values');
    const [channels, height, width] = shape as Triple;
    const transform = compose([...steps.map(build), toTensor(), normalize({ mean, std })]);
    expect(transform.outputShape).toEqual([height, width, channels]);
    const pixels = new Float32Array(height * width * channels);
    await transform.into(sourcePath(source), pixels, 0, { training: false, seed: 0, epoch: 0, item: 0 });
    let largest = 0;
    for (let channel = 0; channel < channels; channel++) {
      for (let at = 0; at < height * width; at++) {
        largest = Math.max(largest, Math.abs(pixels[at * channels + channel]! - data[channel * height * width + at]!));
      }
    }
    expect(largest).toBeLessThanOrEqual(1e-6);
  });
});

function differences(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let count = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) count++;
  return count;
}

/** One float32 tensor of a safetensors file. */
function readTensor(path: string, name: string): { shape: number[]; data: Float32Array } {
  const bytes = readFileSync(path);
  const headerSize = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerSize)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const { shape, data_offsets } = header[name]!;
  const [start, end] = data_offsets.map((offset) => offset + 8 + headerSize) as [number, number];
  return { shape, data: new Float32Array(Uint8Array.from(bytes.subarray(start, end)).buffer) };
}
