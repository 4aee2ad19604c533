import { philox4x32 } from '@diptych/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philoxWords } from './philox-words.js';

const word = fc.integer({ min: 0, max: 0xffffffff });

describe('philoxWords', () => {
  it("gives core's words, block by block, also where the last is cut", () => {
    fc.assert(
      fc.property(word, word, word, word, word, fc.integer({ min: 1, max: 23 }), (k0, k1, c1, c2, c3, length) => {
        const out = new Uint32Array(length);
        philoxWords(out, [k0, k1], [c1, c2, c3]);
        const blocks = Array.from({ length: Math.ceil(length / 4) }, (_, b) => philox4x32([b, c1, c2, c3], [k0, k1]));
        expect([...out]).toEqual(blocks.flat().slice(0, length));
      }),
      { numRuns: 500 },
    );
  });
});
