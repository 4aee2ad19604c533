import { readFileSync } from 'node:fs';
import { compose, resize, toTensor } from '@diptych/preprocess/image';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { FakeTokenizer } from '../../test/fake-parts.js';
import { tempFolder } from '../../test/temp-folder.js';
import { jsonl } from '../sources/jsonl.js';
import { pairs } from '../sources/pairs.js';
import { formatInspection } from './format-inspection.js';
import { Histogram } from './histogram.js';
import { inspect } from './inspect.js';

const { write } = tempFolder('inspect');

describe('Histogram', () => {
  it('counts, averages, and finds quantiles within its precision', () => {
    const histogram = new Histogram();
    for (let i = 1; i <= 10_000; i++) histogram.add(i);
    const summary = histogram.summary()!;
    expect(summary).toMatchObject({ count: 10_000, min: 1, max: 10_000, mean: 5000.5 });
    expect(Math.abs(summary.p50 / 5000 - 1)).toBeLessThan(0.016);
    expect(Math.abs(summary.p99 / 9900 - 1)).toBeLessThan(0.016);
    expect(summary.bins.length).toBe(10);
    expect(summary.bins.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
    expect(new Histogram().summary()).toBeUndefined();
    const few = new Histogram();
    for (const value of [3, 3, 4]) few.add(value);
    expect(few.summary()!.bins).toEqual([
      { from: 3, to: 4, count: 2 },
      { from: 4, to: 5, count: 1 },
    ]);
  });
});

describe('inspect', () => {
  it('counts pairs, sizes, lengths, repetitions and broken items, as an object and as text', async () => {
    const make = (width: number, height: number, background: string) =>
      sharp({ create: { width, height, channels: 3, background } });
    write('a.png', await make(40, 30, '#f00').png().toBuffer());
    write('b.jpg', await make(80, 60, '#0f0').jpeg().toBuffer());
    const jpeg = await make(200, 100, '#00f').jpeg().toBuffer();
    write('copy.png', await make(40, 30, '#f00').png().toBuffer());
    write('cut.jpg', jpeg.subarray(0, jpeg.length - 100));
    write('html.jpg', '<html></html>');
    const rows = [
      { image: 'a.png', text: ['one two three', 'ONE'] },
      { image: 'b.jpg', text: 'one' },
      { image: 'copy.png', text: 'one two three four \u001b[31m' },
      { image: 'cut.jpg', text: 'cut' },
      { image: 'html.jpg', text: 'html' },
      { image: 'gone.jpg', text: 'gone' },
      { text: 'nothing' },
    ];
    const source = jsonl(write('pairs.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')));
    const transform = compose([resize([8, 8]), toTensor()]);
    const found = await inspect(source, { transform, tokenizer: new FakeTokenizer() });
    expect(found).toMatchObject({
      source: 'jsonl(pairs.jsonl)',
      records: 3,
      captions: 4,
      formats: { png: 2, jpg: 1 },
      width: { min: 40, max: 80, p50: 40 },
      height: { min: 30, max: 60 },
      words: { count: 4, min: 1, max: 5 },
      tokens: { min: 3, max: 7 },
      captionsPerRecord: { max: 2 },
      duplicates: { captions: 1, images: 1, nearImages: 0, ids: 0, idsOfSeveralImages: 0 },
      bad: { total: 4, byReason: { 'undecodable-image': 2, 'missing-file': 1, 'missing-key': 1 } },
    });
    expect(found.samples.map(({ size }) => size)).toEqual(['40x30', '80x60', '40x30']);
    const text = formatInspection(found);
    expect(text).toMatch(/^jsonl\(pairs.jsonl\): 3 pairs, 4 captions, 2 png, 1 jpg$/m);
    expect(text).toMatch(/^width \(px\) +40 +40 +40 +53.3 +80 +80 +80 +\S/m);
    expect(text).toMatch(/^broken +4: 1 missing-key|^broken +4: .*2 undecodable-image/m);
    expect(text).not.toContain('\u001b');
    const headers = await inspect(source);
    expect(headers.duplicates.nearImages).toBeUndefined();
    expect(headers.bad.byReason['undecodable-image']).toBe(1);
    const unopened = await inspect(source, { images: false });
    expect(unopened).toMatchObject({ records: 6, bad: { total: 1 }, duplicates: { images: 0 } });
    expect(unopened.width).toBeUndefined();
  });

  it('finds pictures that nearly repeat others, and notes what is broken where it is told', async () => {
    const stripes = Buffer.from(Array.from({ length: 64 * 48 * 3 }, (_, i) => (i % 192 < 60 ? 220 : 30)));
    const picture = () => sharp(stripes, { raw: { width: 64, height: 48, channels: 3 } });
    write('near/one.png', await picture().png().toBuffer());
    write('near/smaller.jpg', await picture().resize(48).jpeg().toBuffer());
    write('near/other.png', await picture().flop().png().toBuffer());
    const rows = ['one.png', 'other.png', 'smaller.jpg', 'gone.png'].map((image) => ({ image, text: image }));
    const source = jsonl(write('near/pairs.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')));
    const quarantine = write('near/bad.jsonl', '');
    const found = await inspect(source, { transform: compose([resize([8, 8]), toTensor()]), quarantine });
    expect(found.duplicates).toMatchObject({ images: 0, nearImages: 1 });
    expect(found.duplicates.examples[0]).toMatch(/pairs.jsonl:3: nearly the picture of .*pairs.jsonl:1$/);
    expect(formatInspection(found)).toContain('0 images (1 more nearly), 0 captions');
    expect(readFileSync(quarantine, 'utf8')).toMatch(/"reason":"missing-file".*\n$/);
  });

  it('keeps to a limit, spreads its samples, and takes an empty source', async () => {
    const many = pairs(
      Array.from({ length: 100 }, (_, i) => ({
        image: { data: new Uint8Array(12).fill(i), width: 2, height: 2 },
        text: `t${i}`,
      })),
    );
    expect((await inspect(many, { limit: 7 })).records).toBe(7);
    const { samples, width } = await inspect(many, { samples: 4 });
    expect(samples.map(({ text }) => text)).toEqual(['t0', 't32', 't64', 't96']);
    expect(width).toMatchObject({ min: 2, max: 2 });
    const empty = await inspect(pairs([]));
    expect(empty).toMatchObject({ records: 0, captions: 0 });
    expect(formatInspection(empty)).toMatch(/^pairs: 0 pairs, 0 captions$/m);
  });

  it('finds ids that stand for different pictures', async () => {
    const picture = (value: number) => ({ data: Uint8Array.of(value, 0, 0), width: 1, height: 1 });
    const source = pairs([
      { id: 'a', image: picture(1), text: 'one' },
      { id: 'a', image: picture(1), text: 'the same' },
      { id: 'b', image: picture(2), text: 'two' },
      { id: 'b', image: picture(3), text: 'three' },
      { id: 'b', image: picture(4), text: 'four' },
    ]);
    const inspection = await inspect(source);
    expect(inspection.duplicates).toMatchObject({ ids: 3, idsOfSeveralImages: 1 });
    expect(formatInspection(inspection)).toContain('3 ids (1 of several images: these are positives of each other)');
  });
});
