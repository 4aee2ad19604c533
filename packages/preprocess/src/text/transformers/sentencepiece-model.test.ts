import { isDiptychError } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { tokenizerFromSource } from '../tokenizer.js';
import { readSentencePieceModel } from './sentencepiece-model.js';

/** A field of a protobuf message: a string, a message, a number, or a float in four bytes. */
function field(number: number, value: string | Uint8Array | number | { float: number }): Uint8Array {
  if (typeof value === 'number') return Uint8Array.of(...varint(number * 8), ...varint(value));
  if (typeof value === 'object' && 'float' in value) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value.float, true);
    return Uint8Array.of(...varint(number * 8 + 5), ...bytes);
  }
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return Buffer.concat([Uint8Array.of(...varint(number * 8 + 2), ...varint(bytes.length)), bytes]);
}

function varint(value: number): number[] {
  // a negative number is written in 64 bits
  if (value < 0)
    return [
      ...[0, 7, 14, 21, 28].map((shift) => ((value >> Math.min(shift, 31)) & 0x7f) | 0x80),
      255,
      255,
      255,
      255,
      1,
    ];
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

const piece = (text: string, score: number, type?: number) =>
  field(
    1,
    Buffer.concat([field(1, text), field(2, { float: score }), ...(type === undefined ? [] : [field(3, type)])]),
  );
const pieces = [
  piece('<unk>', 0, 2),
  piece('<s>', 0, 3),
  piece('</s>', 0, 3),
  piece('\u2581a', -1.5),
  piece('b', -2.5),
];
const whole = Buffer.concat([...pieces, field(2, Buffer.concat([field(3, 1), field(41, -1)])), field(4, 'x')]);
const xlmr = (bytes: Uint8Array) => ({
  name: 'org/model',
  list: async () => ['sentencepiece.bpe.model', 'tokenizer_config.json'],
  read: async (name: string) =>
    name.endsWith('.model') ? bytes : new TextEncoder().encode('{"tokenizer_class": "XLMRobertaTokenizer"}'),
});

describe('readSentencePieceModel', () => {
  it('reads pieces, and defaults where fields are left out', () => {
    const model = readSentencePieceModel(whole, 'x');
    expect(model.pieces).toHaveLength(5);
    expect(model.pieces[3]).toEqual({ text: '\u2581a', score: -1.5, type: 1 });
    expect(model).toMatchObject({ algorithm: 'unigram', unkId: 0, bosId: -1, eosId: 2, addDummyPrefix: true });
    expect(model.charsmap).toBeUndefined();
  });

  it.each([
    ['nothing', new Uint8Array(0), /a message without pieces/],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'), /got /],
    ['a page of HTML', Buffer.from('<!DOCTYPE html><html></html>'), /got /],
    ["tiktoken's list", Buffer.from('IQ== 0\nIg== 1\n'), /a list of tokens in base64, as tiktoken writes it/],
    ['a model that is cut short', whole.subarray(0, 20), /cut short/],
    ['a model of characters', Buffer.concat([...pieces, field(2, field(3, 4))]), /got one of characters/],
    ['a model of a type to come', Buffer.concat([...pieces, field(2, field(3, 9))]), /a model of the type 9/],
  ])('refuses %s with a remedy', async (_, bytes, message) => {
    const error: unknown = await tokenizerFromSource(xlmr(bytes)).catch((thrown: unknown) => thrown);
    expect(isDiptychError(error)).toBe(true);
    expect((error as Error).message).toMatch(/sentencepiece\.bpe\.model: expected/);
    expect((error as Error).message).toMatch(message);
  });

  it('gives a model or an InputError for any bytes', () => {
    let state = 11;
    const draw = (count: number) => {
      state = (state * 48271) % 2147483647;
      return state % count;
    };
    for (let round = 0; round < 3000; round++) {
      const bytes = Uint8Array.from(whole).subarray(0, 1 + draw(whole.length));
      for (let i = draw(4); i > 0; i--) bytes[draw(bytes.length)] = draw(256);
      try {
        expect(readSentencePieceModel(bytes, 'x').pieces.length).toBeGreaterThan(0);
      } catch (error) {
        expect(isDiptychError(error)).toBe(true);
      }
    }
  });
});
