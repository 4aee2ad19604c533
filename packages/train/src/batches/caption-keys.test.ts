import { describe, expect, it } from 'vitest';
import { captionKeys, equalCaptionsMessage } from './caption-keys.js';

const tokens = (rows: number[][], mask: number[][]) => ({
  shape: [rows.length, rows[0]!.length],
  inputIds: Int32Array.from(rows.flat()),
  attentionMask: Int32Array.from(mask.flat()),
});

describe('captionKeys', () => {
  it('are equal for equal captions, whatever stands in the padding and however long it is', () => {
    const [a, b, c] = captionKeys(
      tokens(
        [
          [5, 6, 0],
          [5, 6, 9],
          [6, 5, 0],
        ],
        [
          [1, 1, 0],
          [1, 1, 0],
          [1, 1, 0],
        ],
      ),
    );
    expect(a).toBe(b);
    expect(a).not.toBe(c);
    expect(captionKeys(tokens([[5, 6]], [[1, 1]]))).toEqual([a]);
  });

  it('differ for 100,000 captions that differ', () => {
    const rows = Array.from({ length: 100_000 }, (_, i) => [i % 317, Math.floor(i / 317), 7]);
    expect(
      new Set(
        captionKeys(
          tokens(
            rows,
            rows.map(() => [1, 1, 1]),
          ),
        ),
      ).size,
    ).toBe(rows.length);
  });

  it('compare stored features where there are some', () => {
    const features = Float32Array.of(1, 2, 1, 2, 1, 3);
    const [a, b, c] = captionKeys({ ...tokens([[0], [0], [0]], [[1], [1], [1]]), features });
    expect([a === b, a === c]).toEqual([true, false]);
  });

  it('say how many pairs of a batch have the caption of another', () => {
    const pixels = { data: new Float32Array(3), shape: [3, 1, 1, 1] };
    const batch = (ids: string[]) => ({ size: 3, pixels, ids, tokens: tokens([[1], [2], [1]], [[1], [1], [1]]) });
    expect(equalCaptionsMessage(batch(['a', 'b', 'c']))).toMatch(/^1 of 3 pairs.*equalCaptions: false/);
    expect(equalCaptionsMessage(batch(['a', 'b', 'a']))).toBeUndefined();
  });
});
