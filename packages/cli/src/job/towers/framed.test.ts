import { expect, it } from 'vitest';
import { framed } from './framed.js';

it('keeps a checkpoint’s frame, filter and numbers, and the whole picture', async () => {
  const { plain, varied } = framed({
    input_size: [3, 224, 224],
    interpolation: 'bicubic',
    crop_pct: 0.875,
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
  });
  expect(String(plain)).toMatch(/letterbox\(\[224, 224\], \{ fill: 'white', interpolation: 'bicubic' \}\)/);
  expect(plain.outputShape).toEqual([224, 224, 3]);
  expect(varied.normalization).toEqual(plain.normalization);
  // a black line of 100 x 10 lies in the middle on white
  const { data } = await plain.apply({ data: new Uint8Array(3000), width: 100, height: 10 });
  expect([data[0], data[3 * (112 * 224 + 112)]]).toEqual([2, -2]);
  expect(varied.describe().options).toMatchObject({
    steps: expect.arrayContaining([expect.objectContaining({ op: 'randomHorizontalFlip' })]),
  });
});
