import { fileURLToPath } from 'node:url';
import { isDiptychError, type RgbImage } from '@diptych/core';
import { compose, decodeImage, sniff } from '@diptych/preprocess/image';
import { stripMarkup, tokenizer } from '@diptych/preprocess/text';
import fc from 'fast-check';
import sharp from 'sharp';
import { expect, it } from 'vitest';

/** Cases of each property; more with DIPTYCH_FUZZ_RUNS. */
const RUNS = Number(process.env.DIPTYCH_FUZZ_RUNS ?? 2000);
const bert = tokenizer(fileURLToPath(new URL('../../../golden/tokenizer/vocab.txt', import.meta.url)));

const noise = Uint8Array.from({ length: 24 * 16 * 3 }, (_, i) => (Math.imul(i, 2654435761) >>> 24) & 255);
const picture = () => sharp(noise, { raw: { width: 24, height: 16, channels: 3 } });
const files = await Promise.all([
  picture().jpeg().toBuffer(),
  picture().jpeg({ progressive: true }).toBuffer(),
  picture().png().toBuffer(),
  picture().png({ palette: true }).toBuffer(),
  picture().webp().toBuffer(),
  picture().gif().toBuffer(),
  picture().tiff({ compression: 'lzw' }).toBuffer(),
]);

const limits = { maxPixels: 1_000_000 };
const pipeline = compose([], { decode: limits });

/** A picture, or a typed error; nothing else, and the same by both ways of decoding. */
async function decodes(bytes: Uint8Array): Promise<void> {
  const outcome = (decoding: Promise<RgbImage>) =>
    decoding.then(
      ({ data, width, height }) => {
        expect(data.length).toBe(width * height * 3);
        return { data: Uint8Array.from(data), width, height };
      },
      (error: unknown) => {
        expect(isDiptychError(error) && error.code).toBe('input');
        return String(error);
      },
    );
  expect(await outcome(pipeline.pixels(bytes))).toEqual(await outcome(decodeImage(bytes, limits)));
}

it('flipped bytes decode or give a typed error', { timeout: 600_000 }, async () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.nat(files.length - 1), flips, async (file, changes) => {
      const bytes = Uint8Array.from(files[file]!);
      for (const [at, mask] of changes) bytes[at % bytes.length]! ^= mask;
      await decodes(bytes);
    }),
    { numRuns: RUNS },
  );
});

it('cut files decode or give a typed error', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(files.length - 1), fc.double({ min: 0, max: 1, noNaN: true }), (file, share) =>
      decodes(files[file]!.subarray(0, Math.floor(files[file]!.length * share))),
    ),
    { numRuns: RUNS },
  );
});

it('random bytes are no image', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
      sniff(bytes);
      await decodes(bytes);
    }),
    { numRuns: RUNS },
  );
});

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)), maxLength: 200 }),
  fc.string({
    unit: fc.constantFrom('a', 'B', ' ', '.', '[MASK]', '\u0301', '\ud83d', '\udc31', '猫', 'Σ', '##'),
    maxLength: 200,
  }),
);

it('any text gives ids of the vocabulary between [CLS] and [SEP]', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 3, max: 64 }), (text, maxLength) => {
      const ids = Array.from(bert.encode([text], { padding: false, maxLength }).inputIds[0]!);
      expect(ids.length).toBeLessThanOrEqual(maxLength);
      expect([ids[0], ids.at(-1)]).toEqual([101, 102]);
      expect(ids.every((id) => id >= 0 && id < bert.vocabSize)).toBe(true);
      // A shorter limit gives the beginning of a longer one's ids.
      const all = Array.from(bert.encode([text], { padding: false, maxLength: 2048 }).inputIds[0]!);
      expect(ids.slice(0, -1)).toEqual(all.slice(0, -1).slice(0, maxLength - 1));
    }),
    { numRuns: RUNS },
  );
});

it('texts are tokenized alike alone, in a batch, and after the cache is warm', () => {
  fc.assert(
    fc.property(fc.array(anyText, { minLength: 1, maxLength: 5 }), (texts) => {
      const { inputIds, shape } = bert.encode(texts, { maxLength: 40 });
      for (const [i, text] of texts.entries()) {
        const row = bert.encode([text], { padding: false, maxLength: 40 }).inputIds[0]!;
        expect(inputIds.subarray(i * shape[1], i * shape[1] + row.length)).toEqual(row);
      }
    }),
    { numRuns: RUNS },
  );
});

it('markup is stripped from any text', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(typeof stripMarkup(text)).toBe('string');
    }),
    { numRuns: RUNS },
  );
});
