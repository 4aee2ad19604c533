import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { tokenizerFiles } from '@diptych/core';
import { tokenizer } from '@diptych/preprocess/text';
import { afterAll, describe, expect, it } from 'vitest';

/** A small model laid out as SigLIP's, and the ids of transformers' SiglipTokenizer; made by reference/gen_siglip_spiece.py. */
interface Fixture {
  readonly model: string;
  readonly texts: readonly string[];
  readonly folders: readonly {
    readonly settings: object;
    readonly vocabSize: number;
    readonly maxLength: number;
    readonly padTokenId: number;
    readonly ids: readonly (readonly number[])[];
    readonly pair: readonly number[];
    readonly padded: readonly (readonly number[])[];
    readonly cut: readonly (readonly number[])[];
    readonly decoded: readonly string[];
  }[];
}

const file = new URL('./__fixtures__/siglip-spiece.json.gz', import.meta.url);
const { model, texts, folders } = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as Fixture;
const root = mkdtempSync(join(tmpdir(), 'siglip-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Texts that hold special tokens themselves, which transformers cuts in another way; the docs say so. */
const holdsSpecial = (text: string) => /<\/s>|<unk>/.test(text);

describe.each(folders.map((folder, index) => [JSON.stringify(folder.settings), folder, index] as const))(
  "SigLIP 1 of spiece.model alone, %s, gives transformers'",
  (_, folder, index) => {
    const path = join(root, String(index));
    mkdirSync(path);
    writeFileSync(join(path, 'spiece.model'), Buffer.from(model, 'base64'));
    writeFileSync(join(path, 'tokenizer_config.json'), JSON.stringify(folder.settings));
    const made = tokenizer(path);
    const rows = ({ shape: [count, length], inputIds, attentionMask }: ReturnType<typeof made.encode>, whole = false) =>
      Array.from({ length: count }, (__, row) =>
        [...inputIds.subarray(row * length, (row + 1) * length)].filter(
          (___, at) => whole || attentionMask[row * length + at],
        ),
      );

    it.each(texts.map((text, i) => [text, i] as const).filter(([text]) => !holdsSpecial(text)))(
      'ids of %j',
      (text, i) => {
        expect(rows(made.encode([text], { maxLength: 1000 }))).toEqual([folder.ids[i]]);
      },
    );

    it('rows, cuts, pairs, sizes and texts', () => {
      expect([made.vocabSize, made.maxLength, made.padTokenId]).toEqual([
        folder.vocabSize,
        folder.maxLength,
        folder.padTokenId,
      ]);
      const padded = made.encode(texts.slice(0, 4), { padding: 'max_length', maxLength: 16, truncation: true });
      expect(rows(padded, true)).toEqual(folder.padded);
      const plain = texts.filter((text) => !holdsSpecial(text));
      const cut = made.encode(plain, { maxLength: 6, truncation: true });
      expect(rows(cut)).toEqual(folder.cut.filter((__, i) => !holdsSpecial(texts[i]!)));
      expect(rows(made.encode([['a cat', 'a dog']]))).toEqual([folder.pair]);
      // without the capitals that this model does not know, whose gaps are shown in another way
      if (index > 0) return;
      expect(folder.ids.slice(0, 5).map((ids) => made.decode(ids, { skipSpecialTokens: true }))).toEqual(
        folder.decoded,
      );
    });

    it('the same again from the files that are saved with a model', () => {
      const saved = join(root, `saved ${index}`);
      mkdirSync(saved);
      for (const [name, content] of Object.entries(tokenizerFiles(made))) writeFileSync(join(saved, name), content);
      const again = tokenizer(saved);
      expect(again.encode([...texts], { maxLength: 1000 })).toEqual(made.encode([...texts], { maxLength: 1000 }));
    });
  },
);
