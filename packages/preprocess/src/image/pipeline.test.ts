import { buildPart, type JsonObject, modulesOf, type RgbImage, registerKinds, type SampleContext } from '@diptych/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { picture } from '../../test/picture.js';
import { colorJitter } from './color-jitter.js';
import { centerCrop } from './crop.js';
import { randomHorizontalFlip, randomVerticalFlip } from './flip.js';
import { kinds } from './kinds.js';
import { letterbox } from './letterbox.js';
import { normalize } from './normalize.js';
import { pad } from './pad.js';
import { compose } from './pipeline.js';
import { randAugment } from './rand-augment.js';
import { randomResizedCrop } from './random-resized-crop.js';
import { randomShift } from './random-shift.js';
import { resize } from './resize.js';
import { pixelStep } from './step.js';
import { imageTransformFromOptions } from './steps-from-options.js';
import { toTensor } from './to-tensor.js';

const training: SampleContext = { training: true, seed: 7, epoch: 2, item: 11 };
const everything = () =>
  compose(
    [
      randomResizedCrop(48, { scale: [0.5, 1] }),
      randomHorizontalFlip(),
      randomVerticalFlip(0.25),
      colorJitter({ brightness: 0.4, contrast: [0.5, 1.5], saturation: 0.4, hue: 0.1 }),
      randAugment({ numOps: 3, fill: [1, 2, 3] }),
      randomShift({ pixels: 4, fill: 255 }),
      pad(2, { fill: 'white' }),
      letterbox([40, 44], { interpolation: 'bicubic' }),
      resize([32, 36], 'lanczos'),
      centerCrop([24, 28]),
      toTensor(),
      normalize('clip'),
    ],
    { decode: { orient: true, onto: 'white' } },
  );

describe('compose', () => {
  it('prints itself as the code that makes it', () => {
    const transform = compose([resize(256), centerCrop(224), toTensor(), normalize('half')]);
    expect(String(transform)).toBe(
      "compose([resize(256, 'bilinear'), centerCrop(224), toTensor(), normalize({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] })])",
    );
    expect(String(compose([randomShift({ pixels: 4, fill: 255 })], { decode: { onto: 'white' } }))).toBe(
      "compose([randomShift({ pixels: 4, fill: 255 })], { decode: { onto: 'white' } })",
    );
    const mine = (image: RgbImage) => image;
    expect(String(compose([mine, pad([1, 2])]))).toBe(
      "compose([mine, pad([1, 2], { fill: 'black', mode: 'constant' })])",
    );
  });

  it('knows its output shape', () => {
    expect(compose([resize(256), centerCrop([200, 100])]).outputShape).toEqual([200, 100, 3]);
    expect(compose([resize([10, 20]), pad(1)]).outputShape).toEqual([12, 22, 3]);
    expect(compose([(image) => image], { outputSize: [4, 5] }).outputShape).toEqual([4, 5, 3]);
    expect(() => compose([resize(256)]).outputShape).toThrow(/depends on the picture; end the pixel steps/);
  });

  it('refuses other orders', () => {
    expect(() => compose([normalize('half')])).toThrow(/pixel steps, then toTensor\(\), then at most one normalize/);
    expect(() => compose([toTensor(), resize(3)])).toThrow(/got \[toTensor\(\), resize\(3, 'bilinear'\)\]/);
    expect(() => compose([toTensor(), normalize('half'), normalize('half')])).toThrow(/at most one/);
    expect(() => compose(['resize' as never])).toThrow(/got \[string\]/);
  });

  it('gives the floats of the steps one by one, to the bit', async () => {
    const image = picture(50, 40);
    const steps = [resize(24, 'bicubic'), centerCrop(20)] as const;
    const transform = compose([...steps, toTensor(), normalize('imagenet')]);
    const expected = normalize('imagenet')(toTensor()(steps[1](steps[0](image))));
    expect(await transform.apply(image)).toEqual(expected);
    const target = new Float32Array(2 * 1200 + 5);
    await transform.into(image, target, 1203);
    expect(target.subarray(1203, 2403)).toEqual(expected.data);
    expect(target.subarray(0, 1203).every((value) => value === 0)).toBe(true);
    expect(target.subarray(2403).every((value) => value === 0)).toBe(true);
  });

  it('writes floats into a view that does not start at the buffer', async () => {
    const transform = compose([resize([2, 2]), toTensor()]);
    const view = new Float32Array(new ArrayBuffer(4 * 20), 8, 14);
    await transform.into(picture(4, 4), view, 1);
    expect(view[0]).toBe(0);
    expect(view[1]).toBeGreaterThan(0);
    expect(view[13]).toBe(0);
  });

  it('normalises as float32 does in PyTorch', () => {
    const { data } = normalize('imagenet')(toTensor()({ data: Uint8Array.of(0, 128, 255), width: 1, height: 1 }));
    expect(Array.from(data)).toEqual([-2.1179039478302, 0.20518219470977783, 2.640000104904175]);
  });

  it('checks room, sizes and kinds', async () => {
    const transform = compose([resize([2, 2]), toTensor()]);
    await expect(transform.into(picture(4, 4), new Float32Array(11), 0)).rejects.toThrow(
      /room for 12 values at offset 0/,
    );
    await expect(transform.into(picture(4, 4), new Float32Array(12), 1)).rejects.toThrow(/room for 12 values/);
    const broken = { data: new Uint8Array(5), width: 2, height: 2 };
    await expect(transform.apply(broken)).rejects.toThrow(/width \* height \* 3 bytes/);
    const wrong = compose([(image) => image, toTensor()], { outputSize: [4, 4] });
    await expect(wrong.into(picture(3, 3), new Float32Array(48), 0)).rejects.toThrow(/expected pixels of 4x4, got 3x3/);
    await expect(compose([resize([2, 2])]).apply(picture(4, 4))).rejects.toThrow(/end the list with toTensor\(\)/);
  });

  it('leaves the normalisation to the device where bytes are asked for', async () => {
    const transform = compose([
      resize([4, 4]),
      toTensor({ rescaleFactor: 1 / 127.5 }),
      normalize({ mean: [1, 1, 1], std: [1, 2, 4] }),
    ]);
    const bytes = new Uint8Array(48);
    await transform.intoBytes(picture(9, 9), bytes, 0);
    const { mean, std } = transform.normalization;
    const floats = (await transform.apply(picture(9, 9))).data;
    for (const [i, byte] of bytes.entries()) {
      expect((byte / 255 - mean[i % 3]!) / std[i % 3]!).toBeCloseTo(floats[i]!, 5);
    }
  });

  it('decodes with its own options', async () => {
    const rgba = await sharp(Uint8Array.of(0, 0, 0, 0), { raw: { width: 1, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    const onWhite = compose([resize([2, 2]), toTensor(), normalize('half')], { decode: { onto: 'white' } });
    expect(Array.from((await onWhite.apply(rgba)).data)).toEqual(new Array(12).fill(1));
    expect(() => compose([], { decode: { maxPixels: -1 } })).toThrow(/maxPixels/);
  });
});

describe('describe', () => {
  it('survives JSON: the rebuilt pipeline prints and works the same', async () => {
    const transform = everything();
    const { kind, options } = transform.describe();
    expect(kind).toBe('preprocess/image-transform');
    const rebuilt = imageTransformFromOptions(JSON.parse(JSON.stringify(options)));
    expect(String(rebuilt)).toBe(String(transform));
    expect(rebuilt.describe()).toEqual(transform.describe());
    expect(await rebuilt.apply(picture(80, 60), training)).toEqual(await transform.apply(picture(80, 60), training));
  });

  it('holds a step of your own, and builds it by its registered kind', async () => {
    const shift = ({ by }: JsonObject) =>
      pixelStep({
        op: 'test/shift',
        options: { by },
        apply: ({ data, ...size }) => ({ ...size, data: data.map((value) => value + (by as number)) }),
      });
    const transform = compose([resize([4, 4]), shift({ by: 3 }), toTensor()]);
    const description = JSON.parse(JSON.stringify(transform.describe()));
    expect(() => buildPart(description, { where: 'test', kinds })).toThrow(/got test\/shift; import the module/);
    registerKinds({ 'test/shift': shift }, 'file:///my/steps.js');
    const rebuilt = buildPart<typeof transform>(description, { where: 'test', kinds });
    expect(String(rebuilt)).toBe(String(transform));
    expect(await rebuilt.apply(picture(8, 6))).toEqual(await transform.apply(picture(8, 6)));
    expect(modulesOf(description)).toEqual({
      modules: [
        { kind: 'preprocess/image-transform', module: '@diptych/preprocess/image' },
        { kind: 'test/shift', module: 'file:///my/steps.js' },
      ],
      missing: [],
    });
    expect(JSON.stringify(description)).not.toMatch(/file:|@diptych/);
  });

  it('says what it cannot hold or read', () => {
    expect(() =>
      compose([
        function blur(image) {
          return image;
        },
      ]).describe(),
    ).toThrow(/the step blur is a plain function/);
    expect(() => imageTransformFromOptions({})).toThrow(/options\.steps/);
    expect(() => imageTransformFromOptions({ steps: [{ op: 'toString' }] })).toThrow(/op to be one of resize/);
    expect(() => imageTransformFromOptions({ steps: [{ op: 'resize', size: -1 }] })).toThrow(/a size in pixels/);
  });
});

describe('random steps', () => {
  it('draw by seed, epoch and item, and nothing else', async () => {
    const image = picture(80, 60);
    const same = await everything().apply(image, training);
    expect(await everything().apply(image, training)).toEqual(same);
    const others = await Promise.all(
      [{ seed: 8 }, { epoch: 3 }, { item: 12 }].map((change) => everything().apply(image, { ...training, ...change })),
    );
    for (const other of others) expect(other.data).not.toEqual(same.data);
  });

  it('do nothing random outside training', async () => {
    const image = picture(80, 60);
    const steps = [
      randomHorizontalFlip(1),
      randomVerticalFlip(1),
      colorJitter({ hue: 0.5 }),
      randAugment({ magnitude: 30 }),
      randomShift({ pixels: 9 }),
    ];
    expect(await compose(steps).pixels(image)).toEqual(image);
  });

  it('of one kind draw different numbers in one pipeline', async () => {
    const flips = compose([randomHorizontalFlip(), randomHorizontalFlip()]);
    const image = picture(5, 5);
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, item) => (await flips.pixels(image, { ...training, item })).data),
    );
    expect(results.some((data) => Buffer.compare(data, image.data) !== 0)).toBe(true);
  });

  it('randomHorizontalFlip flips about half', () => {
    const flip = randomHorizontalFlip();
    const image = picture(4, 1);
    const flipped = Array.from({ length: 1000 }, (_, item) => flip(image, { ...training, item }) !== image);
    const count = flipped.filter(Boolean).length;
    expect(count).toBeGreaterThan(440);
    expect(count).toBeLessThan(560);
  });

  it('randomShift moves the whole picture and fills the rest', () => {
    const shift = randomShift({ pixels: 2, fill: 'white' });
    const image = picture(8, 8);
    const seen = new Set<string>();
    for (let item = 0; item < 300; item++) {
      const { data } = shift(image, { ...training, item });
      const match = [-2, -1, 0, 1, 2]
        .flatMap((down) => [-2, -1, 0, 1, 2].map((right) => [down, right] as const))
        .find(([down, right]) =>
          Array.from({ length: 64 }, (_, i) => i).every((i) => {
            const [y, x] = [Math.floor(i / 8) - down, (i % 8) - right];
            const inside = y >= 0 && y < 8 && x >= 0 && x < 8;
            return data[i * 3] === (inside ? image.data[(y * 8 + x) * 3] : 255);
          }),
        );
      expect(match).toBeDefined();
      seen.add(String(match));
    }
    expect(seen.size).toBe(25);
  });

  it('randomResizedCrop stays inside the picture at every draw', () => {
    const crop = randomResizedCrop([8, 12]);
    for (let item = 0; item < 300; item++) {
      const image = picture(1 + (item % 37), 1 + (item % 23));
      expect(crop(image, { ...training, item })).toMatchObject({ height: 8, width: 12 });
    }
    expect(crop(picture(100, 100))).toMatchObject({ height: 8, width: 12 });
  });

  it.each([
    [() => randomHorizontalFlip(1.5), /probability from 0 to 1/],
    [() => randomShift({ pixels: 0.5 }), /whole number/],
    [() => randomResizedCrop(8, { scale: [0, 1] }), /scale to be \[low, high\]/],
    [() => randomResizedCrop(8, { ratio: [2, 1] }), /ratio to be/],
    [() => colorJitter({ hue: 0.6 }), /hue from 0 to 0\.5/],
    [() => colorJitter({ brightness: -1 }), /brightness from 0/],
    [() => randAugment({ magnitude: 31 }), /magnitude from 0 to/],
    [() => pad(-1), /padding in pixels/],
    [() => pad(9, { mode: 'reflect' })(picture(4, 4)), /cannot reflect 9 pixels of a side of 4/],
    [() => pad(1, { mode: 'wrap' as never }), /mode to be one of/],
    [() => resize(0), /a size in pixels/],
    [() => resize([1, 2, 3] as never), /a size in pixels/],
    [() => resize(224, 'cubic' as never), /interpolation to be one of nearest, box/],
    [() => resize([8, 8], { maxSize: 9 }), /maxSize only with one number/],
    [() => centerCrop(1.5), /a size in pixels/],
    [() => letterbox(8, { fill: 300 }), /a colour/],
    [() => normalize({ mean: [0, 0, 0], std: [1, 0, 1] }), /std without 0/],
    [() => toTensor({ rescaleFactor: Number.NaN }), /finite number other than 0/],
    [
      () => resize(100)(picture(1, 2)) && resize(256)({ data: new Uint8Array(300_000), width: 1, height: 100_000 }),
      /would become 256x25600000/,
    ],
  ])('%s is refused', (make, message) => {
    expect(make).toThrow(message);
  });
});

it('letterbox keeps the aspect and centres', () => {
  const white = { data: new Uint8Array(40 * 20 * 3).fill(255), width: 40, height: 20 };
  const { data } = letterbox([30, 40], { fill: [9, 9, 9] })(white);
  const rows = Array.from({ length: 30 }, (_, y) => data[y * 40 * 3]);
  expect(rows).toEqual([...new Array(5).fill(9), ...new Array(20).fill(255), ...new Array(5).fill(9)]);
});

it('a step never changes its input', () => {
  const image = picture(30, 30);
  const before = Uint8Array.from(image.data);
  for (const step of everything().steps.slice(0, -2))
    (step as (image: RgbImage, context: SampleContext) => unknown)(image, training);
  expect(image.data).toEqual(before);
});
