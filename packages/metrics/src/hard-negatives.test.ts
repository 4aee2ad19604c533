import '@tensorflow/tfjs-backend-cpu';
import { mineHardNegatives } from '@diptych/metrics';
import { describe, expect, it } from 'vitest';

const rows = (...values: number[][]) => ({
  data: Float32Array.from(values.flat()),
  shape: [values.length, 2] as const,
});
const image = rows([1, 0], [0, 1], [0.9, 0.1], [1, 0]);
const text = rows([1, 0], [0, 1], [0.8, 0.2], [1, 0]);

describe('mineHardNegatives', () => {
  it('finds the most similar wrong partners', async () => {
    const pairs = { image, text, ids: ['a', 'b', 'c', 'a'] };
    const { texts, images } = await mineHardNegatives(pairs, { k: 2 });
    expect([...texts.subarray(0, 2)]).toEqual([2, 1]); // not 3: the same id
    expect([...texts.subarray(2, 4)]).toEqual([2, 0]);
    expect([...images.subarray(0, 2)]).toEqual([2, 1]);
    const strict = await mineHardNegatives(pairs, { k: 3, below: 0.9 });
    expect([...strict.texts.subarray(0, 3)]).toEqual([1, -1, -1]); // 2 scores .97 of its true partner
  });

  it('takes no pair for wrong whose caption is equal, unless it is told to', async () => {
    const pairs = { image, text, ids: ['a', 'b', 'c', 'd'], captions: ['dog', 'cat', 'bird', 'dog'] };
    const mined = await mineHardNegatives(pairs, { k: 3 });
    expect([...mined.texts.subarray(0, 3)]).toEqual([2, 1, -1]);
    expect([...mined.images.subarray(9, 12)]).toEqual([2, 1, -1]);
    const apart = await mineHardNegatives(pairs, { k: 3, equalCaptions: false });
    expect([...apart.texts.subarray(0, 3)]).toEqual([3, 2, 1]);
    const { captions: _, ...withoutCaptions } = pairs;
    expect((await mineHardNegatives(withoutCaptions, { k: 3 })).texts[0]).toBe(3);
  });

  it('says which part has other rows', async () => {
    await expect(mineHardNegatives({ image, text, ids: ['a'] })).rejects.toThrow(/1 ids/);
    await expect(mineHardNegatives({ image, text: rows([1, 0]), ids: ['a', 'b', 'c', 'd'] })).rejects.toThrow(/1 text/);
  });
});
