import { existsSync, writeFileSync } from 'node:fs';
import {
  type ImageSource,
  type ImageTransform,
  InputError,
  type JsonObject,
  type PartDescription,
  type RgbImage,
  registerKinds,
  type SampleContext,
  SampleRandom,
  siteOf,
  type TokenBatch,
  type TokenizeOptions,
  type Tokenizer,
} from '@diptych/core';

/** A picture that the fake transform decodes: `IMG` and one value. */
export function fakeImage(value: number): Uint8Array {
  return Uint8Array.of(73, 77, 71, value);
}

export interface FakeTransformOptions {
  /** Of its description, default `test/fake-transform`. */
  kind?: string;
  size?: number;
  /** Value of the picture on which the thread ends, once if the file of `onceFlag` can be made. */
  dieOn?: number;
  onceFlag?: string;
  /** Value of the picture on which decoding never ends. */
  hangOn?: number;
}

/** A transform whose picture is its value in channel 0, a random draw in channel 1, the item in channel 2. */
export class FakeTransform implements ImageTransform {
  readonly outputShape: readonly [number, number, number];
  decodes = 0;
  readonly #options: FakeTransformOptions;

  constructor(options: FakeTransformOptions = {}) {
    this.#options = options;
    this.outputShape = [options.size ?? 2, options.size ?? 2, 3];
  }

  async decode(image: ImageSource): Promise<RgbImage> {
    this.decodes++;
    if (!(image instanceof Uint8Array) || image.length !== 4 || image[0] !== 73) {
      throw new InputError({ where: 'fake', expected: 'IMG and a value', got: 'something else' });
    }
    const value = image[3]!;
    const { dieOn, hangOn, onceFlag } = this.#options;
    if (value === dieOn && !(onceFlag && existsSync(onceFlag))) {
      if (onceFlag) writeFileSync(onceFlag, '');
      process.exit(7);
    }
    if (value === hangOn) await new Promise(() => {});
    return { data: Uint8Array.of(value, value, value), width: 1, height: 1 };
  }

  async into(
    image: ImageSource | RgbImage,
    target: Float32Array,
    offset: number,
    context: SampleContext,
  ): Promise<void> {
    const decoded = image instanceof Uint8Array || typeof image === 'string' || !('width' in (image as object));
    const { data } = decoded ? await this.decode(image as ImageSource) : (image as RgbImage);
    const draw = context.training ? new SampleRandom(context, siteOf('fake')).uniform() : 0;
    const [height, width, channels] = this.outputShape;
    for (let i = 0; i < height * width; i++) {
      target[offset + i * channels] = data[0]!;
      target[offset + i * channels + 1] = draw;
      target[offset + i * channels + 2] = context.item;
    }
  }

  describe(): PartDescription {
    const { kind = 'test/fake-transform', ...options } = this.#options;
    return { kind, options };
  }
}

/** A token a word, its length the id; 1 and 2 around; 0 for padding. */
export class FakeTokenizer implements Tokenizer {
  readonly vocabSize = 1000;
  readonly padTokenId = 0;
  readonly maxLength = 512;
  encode(texts: readonly (string | readonly [string, string])[], options: TokenizeOptions = {}): TokenBatch {
    const { maxLength = this.maxLength, padToMultipleOf = 1, padding } = options;
    const rows = texts.map((text) => {
      const caption = String(text);
      if (caption.includes('UNTOKENIZABLE')) throw new InputError({ where: 'fake', problem: 'cannot tokenize' });
      return [1, ...caption.split(' ').map(({ length }) => length + 3), 2].slice(0, maxLength);
    });
    const longest = padding === 'max_length' ? maxLength : Math.max(1, ...rows.map(({ length }) => length));
    const length = Math.ceil(longest / padToMultipleOf) * padToMultipleOf;
    const inputIds = new Int32Array(rows.length * length);
    const attentionMask = new Int32Array(rows.length * length);
    for (const [i, row] of rows.entries()) {
      inputIds.set(row, i * length);
      attentionMask.fill(1, i * length, i * length + row.length);
    }
    return { shape: [rows.length, length], inputIds, attentionMask };
  }

  describe(): PartDescription {
    return { kind: 'test/fake-tokenizer', options: {} };
  }
}

export const makeTransform = (options: JsonObject) => new FakeTransform(options as FakeTransformOptions);
export const makeTokenizer = () => new FakeTokenizer();

/** Both; the tests' main thread names the built module in the place of this file. */
export const kinds = { 'test/fake-transform': makeTransform, 'test/fake-tokenizer': makeTokenizer };

registerKinds(kinds, import.meta.url);
