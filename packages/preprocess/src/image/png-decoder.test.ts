import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync, inflateSync } from 'node:zlib';
import sharp, { type PngOptions, type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { pngChunk } from '../../test/bad-images.js';
import { picture } from '../../test/picture.js';
import { decodeImage } from './decode.js';
import { decodePlainPng } from './png-decoder.js';

const anyPixels = 2 ** 31;
const backgrounds = [undefined, [255, 255, 255], [3, 130, 251]] as const;

/** A photograph-like picture whose alpha runs from nothing to everything. */
function translucent(width: number, height: number): Sharp {
  const { data } = picture(width, height);
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    rgba.set(data.subarray(i * 3, i * 3 + 3), i * 4);
    rgba[i * 4 + 3] = (i * 37) % 256;
  }
  return sharp(rgba, { raw: { width, height, channels: 4 } });
}

const opaque = (width: number, height: number) =>
  sharp(picture(width, height).data, { raw: { width, height, channels: 3 } });

const KINDS: readonly [string, (width: number, height: number) => Sharp, PngOptions][] = [
  ['RGB', opaque, {}],
  ['RGB, every filter', opaque, { adaptiveFiltering: true }],
  ['RGBA', translucent, {}],
  ['RGBA, every filter', translucent, { adaptiveFiltering: true, compressionLevel: 9 }],
  ['grey', (w, h) => opaque(w, h).toColourspace('b-w'), { adaptiveFiltering: true }],
  ['grey and alpha', (w, h) => translucent(w, h).toColourspace('b-w'), { adaptiveFiltering: true }],
  ['palette of 2', opaque, { palette: true, colours: 2 }],
  ['palette of 4', opaque, { palette: true, colours: 4 }],
  ['palette of 16', opaque, { palette: true, colours: 16 }],
  ['palette of 256', opaque, { palette: true, colours: 256 }],
  ['palette with alpha', translucent, { palette: true, colours: 256 }],
  ['small palette with alpha', translucent, { palette: true, colours: 7 }],
];
const SIZES = [
  [1, 1],
  [1, 7],
  [5, 3],
  [64, 64],
  [257, 3],
] as const;

/** The picture of the plain decoder, if it gives one, is sharp's. */
async function agrees(png: Uint8Array, onto?: readonly [number, number, number]): Promise<boolean> {
  const found = decodePlainPng(png, anyPixels, onto);
  if (!found) return false;
  const expected = await decodeImage(png, onto ? { onto } : {});
  expect([found.width, found.height]).toEqual([expected.width, expected.height]);
  // Not toEqual, which takes ten times as long as both decoders.
  expect(Buffer.compare(found.data, expected.data)).toBe(0);
  return true;
}

describe("a plain PNG is decoded to sharp's bytes", () => {
  it.each(KINDS)('%s', async (_, make, options) => {
    for (const [width, height] of SIZES) {
      const png = await make(width, height).png(options).toBuffer();
      for (const onto of backgrounds) expect(await agrees(png, onto), `${width} x ${height}`).toBe(true);
    }
  });

  it('emoji pictures, palettes and RGBA, on white and without alpha', async () => {
    const folder = join(
      dirname(fileURLToPath(import.meta.resolve('emoji-datasource-google/package.json'))),
      'img/google/64',
    );
    const files = readdirSync(folder).filter((_, i) => i % 12 === 0);
    let accepted = 0;
    for (const file of files) {
      const png = readFileSync(join(folder, file));
      for (const onto of backgrounds.slice(0, 2)) accepted += Number(await agrees(png, onto));
    }
    expect(accepted).toBe(files.length * 2);
  });
});

describe('what leaves a doubt is left to sharp', () => {
  it('16 bits, interlaced, more pixels than allowed, other formats, nothing at all', async () => {
    const png = await opaque(20, 20).png().toBuffer();
    expect(decodePlainPng(png, 400)).toBeDefined();
    expect(decodePlainPng(png, 399)).toBeUndefined();
    for (const other of [
      await opaque(20, 20).toColourspace('rgb16').png().toBuffer(),
      await opaque(20, 20).png({ progressive: true }).toBuffer(),
      await opaque(20, 20).withMetadata({ orientation: 6 }).png().toBuffer(),
      await opaque(20, 20).jpeg().toBuffer(),
      new Uint8Array(),
      Buffer.concat([png, png]),
    ]) {
      expect(decodePlainPng(other, anyPixels)).toBeUndefined();
    }
  });

  it('a byte of samples too many or too few, an unknown filter, a window too small, an index beyond the palette', async () => {
    const png = await opaque(20, 20).png({ palette: true }).toBuffer();
    const changed = (type: string, change: (content: Buffer) => Buffer) =>
      withChunks(png, (chunks) => {
        const chunk = chunks.find((chunk) => chunk.type === type)!;
        chunk.content = change(chunk.content);
      });
    const resampled = (change: (samples: Buffer) => Buffer) =>
      changed('IDAT', (content) => deflateSync(change(inflateSync(content))));
    const rewritten = resampled((samples) => samples);
    expect(decodePlainPng(rewritten, anyPixels)).toBeDefined();
    for (const doubtful of [
      resampled((samples) => Buffer.concat([samples, Buffer.alloc(1)])),
      resampled((samples) => samples.subarray(0, -1)),
      resampled((samples) => Buffer.concat([Buffer.from([5]), samples.subarray(1)])),
      changed('IDAT', (content) => Buffer.concat([content, Buffer.alloc(1)])),
      changed('IDAT', (content) => Buffer.concat([Buffer.from([0x08, 0x1d]), content.subarray(2)])),
      changed('PLTE', (content) => content.subarray(0, 3)),
    ]) {
      expect(decodePlainPng(doubtful, anyPixels)).toBeUndefined();
    }
  });

  it('2,000 damaged files: declined, or the same picture', async () => {
    const sources = await Promise.all(
      KINDS.filter(([name]) => !name.includes('every')).map(([, make, options]) =>
        make(19, 11).png(options).toBuffer(),
      ),
    );
    const random = generator(5);
    let accepted = 0;
    for (let i = 0; i < Number(process.env.DIPTYCH_FUZZ_RUNS ?? 2000); i++) {
      const damaged = mutate(Buffer.from(sources[i % sources.length]!), random);
      accepted += Number(await agrees(damaged, i % 2 ? [255, 255, 255] : undefined));
    }
    expect(accepted).toBeGreaterThan(0);
  });

  it('500 files with further chunks, legal and not: declined, or the same picture', async () => {
    const sources = await Promise.all(KINDS.map(([, make, options]) => make(7, 5).png(options).toBuffer()));
    const random = generator(11);
    let accepted = 0;
    for (let i = 0; i < Number(process.env.DIPTYCH_FUZZ_RUNS ?? 500); i++) {
      const png = withChunks(sources[i % sources.length]!, (chunks) => {
        for (let more = random(3); more >= 0; more--) {
          chunks.splice(1 + random(chunks.length), 0, furtherChunk(random));
        }
      });
      accepted += Number(await agrees(png, i % 2 ? [255, 255, 255] : undefined));
    }
    expect(accepted).toBeGreaterThan(0);
  });
});

/** Lehmer's generator: below `n` at each call. */
function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state * 48271) % 2147483647;
    return state % n;
  };
}

interface Chunk {
  readonly type: string;
  content: Buffer;
}

/** Chunk types and the lengths that the specification gives them. */
const FURTHER: readonly [type: string, ...lengths: number[]][] = [
  ['gAMA', 4],
  ['cHRM', 32],
  ['sRGB', 1],
  ['pHYs', 9],
  ['tIME', 7],
  ['bKGD', 1, 2, 6],
  ['tEXt', 20],
  ['sBIT', 1, 3],
  ['hIST', 10],
  ['tRNS', 1, 2, 6],
  ['PLTE', 3, 9],
  ['eXIf', 14],
  ['acTL', 8],
  ['abCd', 5],
  ['ABCD', 5],
];

/** A chunk of random bytes, of a legal length two times of three. */
function furtherChunk(random: (n: number) => number): Chunk {
  const [type, ...lengths] = FURTHER[random(FURTHER.length)]!;
  const length = random(3) > 0 ? lengths[random(lengths.length)]! : random(40);
  // Small numbers among them, as those are legal more often, and the zero behind a keyword.
  const content = Buffer.from(Array.from({ length }, () => (random(2) ? random(256) : random(3))));
  if (type === 'tEXt' && random(3) > 0) content.write('Title\0', 'latin1');
  return { type, content };
}

/** Cuts off, doubles, leaves out or overwrites something with checksums that fit; one time of three, one bit more is wrong. */
function mutate(png: Buffer, random: (n: number) => number): Buffer {
  const kind = random(4);
  if (kind === 0) return png.subarray(0, random(png.length));
  const damaged = withChunks(png, (chunks) => {
    const chunk = chunks[random(chunks.length)]!;
    if (kind === 1) chunks.splice(random(chunks.length + 1), 0, chunk);
    else if (kind === 2) chunks.splice(chunks.indexOf(chunk), 1);
    else if (chunk.content.length > 0) chunk.content[random(chunk.content.length)] = random(256);
  });
  if (random(3) === 0) damaged[8 + random(damaged.length - 8)]! ^= 1 << random(8);
  return damaged;
}

/** The file with its chunks changed, and checksums that fit. */
function withChunks(png: Buffer, change: (chunks: Chunk[]) => void): Buffer {
  const chunks = chunksOf(png);
  change(chunks);
  const parts = chunks.map(({ type, content }) => pngChunk(type, content));
  return Buffer.concat([png.subarray(0, 8), ...parts]);
}

function chunksOf(png: Buffer): Chunk[] {
  const chunks = [];
  for (let at = 8; at < png.length; ) {
    const size = png.readUInt32BE(at);
    const content = Buffer.from(png.subarray(at + 8, at + 8 + size));
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), content });
    at += 12 + size;
  }
  return chunks;
}
