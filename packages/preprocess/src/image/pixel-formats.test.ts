import { expect, it } from 'vitest';
import { compositeOnto } from './pixel-formats.js';

it('composites every byte at every alpha to the nearest integer', () => {
  const onto = [255, 0, 131] as const;
  const rgba = new Uint8Array(256 * 256 * 4);
  const expected = new Uint8Array(256 * 256 * 3);
  for (let i = 0; i < 256 * 256; i++) {
    const [over, alpha] = [i % 256, i >> 8];
    rgba.set([over, over, over, alpha], i * 4);
    expected.set(
      onto.map((under) => Math.round((over * alpha + under * (255 - alpha)) / 255)),
      i * 3,
    );
  }
  expect(Buffer.compare(compositeOnto(rgba, onto), expected)).toBe(0);
});
