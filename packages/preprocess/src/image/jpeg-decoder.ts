import type { RgbImage } from '@diptych/core';
import { fromBase64 } from '../bytes.js';
import { jpegDecoderWasm } from './jpeg-decoder.wasm.js';

/** Exports of wasm/jpeg-decoder.c. */
interface JpegExports {
  readonly memory: WebAssembly.Memory;
  open(size: number): number;
  decode(input: number, size: number, maxPixels: number): number;
  width(): number;
  height(): number;
}

/** Most pixels that are decoded here unless it is said: the memory of a decoder never shrinks, and sharp is better with large pictures. */
const MAX_PIXELS = 2 ** 22;

/**
 * libjpeg-turbo in WebAssembly, for JPEG files that leave no doubt: grey or three components of 8 bits, Huffman-coded,
 * without any error or warning. It has no threads, no fixed costs, and no access to anything but its own memory.
 *
 * Why not sharp alone: of its 1.4 ms for 500 x 375 pixels, 0.35 are the hand-over to a thread and back; with it the image path is
 * 1.19 times as fast as torchvision on PIL, with this 1.7 times (bench/preprocess.bench.mjs, docs/decisions/0010-jpeg-in-webassembly.md).
 *
 * Where it comes from: the unmodified sources of github.com/libjpeg-turbo/libjpeg-turbo and github.com/simd-everywhere/simde, with wasm/
 * of this package, at the versions that `scripts/build-jpeg-decoder.mjs` names. When libjpeg-turbo is updated (its security notes
 * matter here: files come from strangers), run that script with the new sources, write its version there and in THIRD-PARTY.md,
 * and have test/jpeg.test.ts compare the pixels with Pillow's; `reference/gen_jpeg_fixtures.py` makes them anew.
 */
export class JpegDecoder {
  #module: WebAssembly.Module | undefined;
  #exports: JpegExports | undefined;
  readonly #maxPixels: number;

  constructor(maxPixels = MAX_PIXELS) {
    this.#maxPixels = maxPixels;
  }

  /**
   * @returns the picture, borrowed: its bytes are overwritten by the next call. undefined if another decoder has to judge the
   *   file: another kind, more pixels than `maxPixels` or than this decoder takes, damaged or cut short
   */
  decode(bytes: Uint8Array, maxPixels: number): RgbImage | undefined {
    this.#exports ??= this.#instantiate();
    const { open, decode, memory, width, height } = this.#exports;
    try {
      const input = open(bytes.length);
      new Uint8Array(memory.buffer, input, bytes.length).set(bytes);
      const pixels = decode(input, bytes.length, Math.min(maxPixels, this.#maxPixels));
      if (pixels === 0) return undefined;
      const size = { width: width(), height: height() };
      return { data: new Uint8Array(memory.buffer, pixels, size.width * size.height * 3), ...size };
    } catch {
      // It was left in the middle of its work: not to be used again.
      this.#exports = undefined;
      return undefined;
    }
  }

  #instantiate(): JpegExports {
    this.#module ??= new WebAssembly.Module(fromBase64(jpegDecoderWasm));
    const fail = () => {
      throw new Error('not a plain JPEG');
    };
    // what a module exports is known to its source alone
    return new WebAssembly.Instance(this.#module, { host: { fail } }).exports as unknown as JpegExports;
  }
}
