import { InputError } from '@diptych/core';
import { toBase64 } from '../../bytes.js';

/** Kinds of pieces (`SentencePiece.Type` of sentencepiece_model.proto). */
export const PIECE_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** A piece of the vocabulary; its place is its id. */
export interface SentencePiece {
  readonly text: string;
  readonly score: number;
  /** One of {@link PIECE_TYPES}. */
  readonly type: number;
}

/** What a SentencePiece model says: `ModelProto` as far as encoding needs it. */
export interface SentencePieceModel {
  readonly pieces: readonly SentencePiece[];
  readonly algorithm: 'unigram' | 'bpe' | 'word' | 'char';
  readonly byteFallback: boolean;
  /** Places of special pieces; -1 where there is none. */
  readonly unkId: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly unkPiece: string;
  readonly bosPiece: string;
  readonly eosPiece: string;
  /** Table of normalizations, as `Precompiled` of a `tokenizer.json` has it: base64. */
  readonly charsmap: string | undefined;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly escapeWhitespaces: boolean;
}

const ALGORITHMS = ['unigram', 'bpe', 'word', 'char'] as const;

/**
 * Reads a SentencePiece model (`spiece.model`, `tokenizer.model`, `sentencepiece.bpe.model`, …), a protobuf message of
 * https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto.
 *
 * @param where the file, for messages
 * @throws InputError if it is no such model, cut short, or has no pieces
 */
export function readSentencePieceModel(bytes: Uint8Array, where: string): SentencePieceModel {
  try {
    return modelOf(bytes);
  } catch (cause) {
    if (!(cause instanceof Malformed)) throw cause;
    const got = isTiktoken(bytes) ? 'a list of tokens in base64, as tiktoken writes it' : cause.message;
    throw new InputError(
      {
        where,
        expected: 'a SentencePiece model',
        got,
        remedy:
          'fetch it again (a Git LFS pointer is a short text), or save the tokenizer with transformers: AutoTokenizer.from_pretrained(id).save_pretrained(folder)',
      },
      { cause },
    );
  }
}

function modelOf(bytes: Uint8Array): SentencePieceModel {
  const pieces: SentencePiece[] = [];
  let trainer = new Fields(new Uint8Array(0));
  let normalizer = trainer;
  for (const { number, value } of new Fields(bytes)) {
    if (!(value instanceof Uint8Array)) continue;
    if (number === 1) pieces.push(pieceOf(value));
    else if (number === 2) trainer = new Fields(value);
    else if (number === 3) normalizer = new Fields(value);
  }
  if (pieces.length === 0) throw new Malformed('a message without pieces');
  // numbers and defaults of TrainerSpec and NormalizerSpec
  const charsmap = normalizer.bytes(2);
  const algorithm = ALGORITHMS[trainer.integer(3, 1) - 1];
  if (algorithm === undefined) throw new Malformed(`a model of the type ${trainer.integer(3, 1)}`);
  return {
    pieces,
    algorithm,
    byteFallback: trainer.flag(35, false),
    unkId: trainer.integer(40, 0),
    bosId: trainer.integer(41, 1),
    eosId: trainer.integer(42, 2),
    unkPiece: trainer.text(45, '<unk>'),
    bosPiece: trainer.text(46, '<s>'),
    eosPiece: trainer.text(47, '</s>'),
    charsmap: charsmap && charsmap.length > 0 ? toBase64(charsmap) : undefined,
    addDummyPrefix: normalizer.flag(3, true),
    removeExtraWhitespaces: normalizer.flag(4, true),
    escapeWhitespaces: normalizer.flag(5, true),
  };
}

function pieceOf(bytes: Uint8Array): SentencePiece {
  const fields = new Fields(bytes);
  return { text: fields.text(1, ''), score: fields.float(2, 0), type: fields.integer(3, PIECE_TYPES.normal) };
}

class Malformed extends Error {}

interface Field {
  readonly number: number;
  /** A varint's low 32 bits as a signed number, four bytes as a view, or the bytes of a string or message. */
  readonly value: number | DataView | Uint8Array;
}

/** The fields of a protobuf message; of one that stands twice the last counts. */
class Fields implements Iterable<Field> {
  readonly #bytes: Uint8Array;
  #byNumber: Map<number, Field['value']> | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  *[Symbol.iterator](): Iterator<Field> {
    const bytes = this.#bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    const varint = (): number => {
      let value = 0;
      for (let shift = 0; shift < 70; shift += 7) {
        const byte = bytes[at++];
        if (byte === undefined) throw new Malformed('a message that is cut short');
        if (shift < 32) value |= (byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
      throw new Malformed('a number of more than 64 bits');
    };
    const skip = (length: number): number => {
      const start = at;
      at += length;
      if (length < 0 || at > bytes.length) throw new Malformed('a message that is cut short');
      return start;
    };
    while (at < bytes.length) {
      const tag = varint() >>> 0;
      const number = tag >>> 3;
      if (number === 0) throw new Malformed('bytes that are no protobuf message');
      switch (tag & 7) {
        case 0:
          yield { number, value: varint() };
          break;
        case 1:
          skip(8);
          break;
        case 2: {
          const length = varint();
          const start = skip(length);
          yield { number, value: bytes.subarray(start, start + length) };
          break;
        }
        case 5:
          yield { number, value: new DataView(view.buffer, view.byteOffset + skip(4), 4) };
          break;
        default:
          throw new Malformed('bytes that are no protobuf message');
      }
    }
  }

  integer(number: number, fallback: number): number {
    const value = this.#get(number);
    return typeof value === 'number' ? value : fallback;
  }

  flag(number: number, fallback: boolean): boolean {
    return this.integer(number, Number(fallback)) !== 0;
  }

  float(number: number, fallback: number): number {
    const value = this.#get(number);
    return value instanceof DataView ? value.getFloat32(0, true) : fallback;
  }

  bytes(number: number): Uint8Array | undefined {
    const value = this.#get(number);
    return value instanceof Uint8Array ? value : undefined;
  }

  text(number: number, fallback: string): string {
    const bytes = this.bytes(number);
    if (bytes === undefined) return fallback;
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new Malformed('a text that is not UTF-8');
    }
  }

  #get(number: number): Field['value'] | undefined {
    this.#byNumber ??= new Map(Array.from(this, (field) => [field.number, field.value]));
    return this.#byNumber.get(number);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isTiktoken(bytes: Uint8Array): boolean {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 200));
  return /^[A-Za-z0-9+/]+={0,2} \d+\n/.test(head);
}
