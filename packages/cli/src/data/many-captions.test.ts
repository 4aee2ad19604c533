import { expect, it } from 'vitest';
import { manyCaptions } from './many-captions.js';

const pairs = (pictures: number, captions: number) =>
  Array.from({ length: pictures * captions }, (_, i) => {
    const image = `${i % pictures}.png`;
    return { id: image, group: image, image, text: `line ${i}`, tags: [] };
  });

it('says of files with many lines that each counted', () => {
  expect(manyCaptions(pairs(3, 60))).toMatch(/^3 pictures have 180 captions, 60 each: .*--captions first/);
});

it('says nothing of captions as data sets have them', () => {
  expect(manyCaptions(pairs(3, 5))).toBeUndefined();
  expect(manyCaptions([])).toBeUndefined();
});
