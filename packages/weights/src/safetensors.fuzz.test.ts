import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { philox4x32, WeightsError } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { encodeSafetensors } from './encode-safetensors.js';
import { Safetensors } from './safetensors.js';

const MUTATIONS = 10_000;

/** Deterministic draws, so that a failure can be repeated. */
function draws(seed: number): (bound: number) => number {
  let counter = 0;
  return (bound) => Math.floor((philox4x32([counter++, 0, 0, 0], [seed, 7])[0] / 2 ** 32) * bound);
}

const seedFiles = [
  encodeSafetensors({
    'encoder.weight': { dtype: 'float32', shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i) },
    'encoder.bias': { dtype: 'float32', shape: [3], data: new Float32Array(3) },
    ids: { dtype: 'int32', shape: [2], data: new Int32Array(2) },
    mask: { dtype: 'bool', shape: [5], data: new Uint8Array(5) },
  }),
  encodeSafetensors(
    { w: { dtype: 'float32', shape: [2, 2], data: new Float32Array(4) } },
    { floats: 'F16', metadata: { a: 'b' } },
  ),
  new Uint8Array(readFileSync(resolve(import.meta.dirname, '../../../golden/losses/infonce.safetensors'))),
];

/** Things that header bytes turn into when a file is damaged on purpose. */
const SPLICES = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '-1',
  '1e308',
  '9007199254740993',
  'null',
  '\\u0000',
  '[[[[',
  '0.5',
];

function mutate(source: Uint8Array, draw: (bound: number) => number): Uint8Array {
  let bytes = source.slice();
  const headerEnd = 8 + new DataView(bytes.buffer).getUint32(0, true);
  for (let n = 1 + draw(3); n > 0; n--) {
    // Most damage goes where the structure is.
    const at = draw(draw(4) === 0 ? bytes.length : Math.min(headerEnd, bytes.length));
    const kind = draw(6);
    if (kind === 0) bytes[at] = draw(256);
    else if (kind === 1) bytes[at]! ^= 1 << draw(8);
    else if (kind === 2) bytes = bytes.slice(0, at);
    else if (kind === 3) bytes[draw(8)] = draw(256);
    else {
      const splice = new TextEncoder().encode(SPLICES[draw(SPLICES.length)]!);
      const removed = kind === 4 ? 0 : splice.length;
      bytes = Uint8Array.from([...bytes.slice(0, at), ...splice, ...bytes.slice(at + removed)]);
      // Half of the insertions keep the length right, so that they get past the first check.
      if (removed === 0 && bytes.length >= 8 && draw(2) === 0) {
        const view = new DataView(bytes.buffer);
        view.setUint32(0, view.getUint32(0, true) + splice.length, true);
      }
    }
    if (bytes.length === 0) break;
  }
  return bytes;
}

describe('damaged safetensors files', () => {
  it(`gives a WeightsError or a consistent file for ${MUTATIONS} mutations, and never reads more than the file`, () => {
    let refused = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const draw = draws(i);
      const bytes = mutate(seedFiles[i % seedFiles.length]!, draw);
      let allocated = 0;
      const reader = {
        size: bytes.length,
        readInto: (offset: number, target: Uint8Array) => {
          allocated += target.length;
          if (offset < 0 || offset + target.length > bytes.length) throw new Error(`mutation ${i} read past the end`);
          target.set(bytes.subarray(offset, offset + target.length));
        },
      };
      try {
        const opened = new Safetensors('fuzz', reader);
        for (const [name, { shape }] of opened.infos) {
          const { data } = opened.read(name);
          if (data.length !== shape.reduce((a, b) => a * b, 1)) throw new Error(`mutation ${i}: wrong size of ${name}`);
        }
      } catch (error) {
        if (!(error instanceof WeightsError))
          throw new Error(`mutation ${i} escaped as ${String(error)}`, { cause: error });
        if (error.message.length > 2000)
          throw new Error(`mutation ${i}: a message of ${error.message.length} characters`);
        refused++;
      }
      if (allocated > 2 * bytes.length + 16) throw new Error(`mutation ${i} allocated ${allocated} of ${bytes.length}`);
    }
    // Damage to the data alone cannot be seen.
    expect(refused).toBeGreaterThan(MUTATIONS / 2);
    expect(refused).toBeLessThan(MUTATIONS);
  });
});
