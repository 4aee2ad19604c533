import { describe, expect, it } from 'vitest';
import { parseJson } from './json.js';

describe('parseJson', () => {
  it('reads what Python writes, and whole numbers with all their digits', () => {
    expect(parseJson('{"a": NaN, "b": [Infinity, -Infinity, 1.5e-7], "c": "NaN \\" -Infinity"}')).toEqual({
      a: Number.NaN,
      b: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1.5e-7],
      c: 'NaN " -Infinity',
    });
    expect(parseJson('[12345678901234567890, -9007199254740993, 1234567890123456]')).toEqual([
      12345678901234567890n,
      -9007199254740993n,
      1234567890123456,
    ]);
    expect(parseJson('[0.12345678901234567, 12345678901234567.5, "12345678901234567"]')).toEqual([
      Number('0.12345678901234567'),
      Number('12345678901234567.5'),
      '12345678901234567',
    ]);
  });

  it('does not take strings for numbers, whatever they begin with', () => {
    for (const text of ['\ue000n5', '\ue000', '\ue000s1234567890123456789']) {
      expect(parseJson(JSON.stringify({ NaN: text, n: 1 }))).toEqual({ NaN: text, n: 1 });
    }
    expect(parseJson('["\\ue000nNaN", NaN]')).toEqual(['\ue000nNaN', Number.NaN]);
  });

  it.each([
    '{"a": 1,}',
    '[NaN,]',
    "{'a': NaN}",
    '[NaNs]',
    '[+Infinity]',
    '[01234567890123456789]',
    '{"a": NaN // x\n}',
  ])('refuses %s', (text) => expect(() => parseJson(text)).toThrow(SyntaxError));
});
