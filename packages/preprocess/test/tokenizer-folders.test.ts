import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { JsonObject } from '@diptych/core';
import {
  type TextTokenizer,
  tokenizer,
  tokenizerFromFolder,
  tokenizerFromOptions,
  tokenizerFromSource,
} from '@diptych/preprocess/text';
import { afterAll, describe, expect, it } from 'vitest';

/** Folders in every layout that transformers reads, and its ids; made by reference/gen_tokenizer_folders.py. */
interface Fixture {
  readonly texts: readonly string[];
  readonly pairs: readonly (readonly [string, string])[];
  readonly contents: readonly string[];
  readonly folders: readonly Folder[];
}

interface Folder {
  readonly name: string;
  /** Numbers of contents. */
  readonly files: { readonly [name: string]: number };
  readonly vocabSize: number;
  readonly maxLength: number | null;
  readonly tokenTypeIds: boolean;
  readonly ids: readonly (readonly number[])[];
  /** Ids, segments, and ids cut to `cutLength`. */
  readonly pairs: readonly (readonly [readonly number[], readonly number[], readonly number[]])[];
  readonly cut: readonly (readonly number[])[];
  readonly cutLength: number;
  readonly padded?: { readonly ids: readonly (readonly number[])[]; readonly mask: readonly (readonly number[])[] };
  readonly padTokenId?: number;
  readonly decoded: readonly string[];
}

const file =
  process.env.DIPTYCH_TOKENIZER_FOLDERS ?? new URL('./__fixtures__/tokenizer-folders.json.gz', import.meta.url);
const { texts, pairs, contents, folders } = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as Fixture;
const root = mkdtempSync(join(tmpdir(), 'diptych-folders-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(folder: Folder, index: number): string {
  const path = join(root, String(index));
  mkdirSync(path, { recursive: true });
  for (const [name, content] of Object.entries(folder.files)) writeFileSync(join(path, name), bytesOf(content));
  return path;
}

/** Texts as they are; SentencePiece models stand in base64. */
function bytesOf(number: number): Buffer {
  const content = contents[number]!;
  return content.startsWith('base64:') ? Buffer.from(content.slice(7), 'base64') : Buffer.from(content);
}

const rows = (subject: TextTokenizer, input: Parameters<TextTokenizer['encode']>[0], maxLength = 100_000) =>
  subject.encode(input, { padding: false, maxLength }).inputIds.map((row) => Array.from(row));

describe.each(folders.map((folder, i) => [folder.name, folder, i] as const))('%s', (_, folder, i) => {
  const path = write(folder, i);
  const subject = tokenizer(path);

  it('ids', () => {
    const got = rows(subject, texts);
    for (const [at, text] of texts.entries()) expect(got[at], text).toEqual(folder.ids[at]);
  });

  it('cut, pairs, padding', () => {
    expect(rows(subject, texts, folder.cutLength)).toEqual(folder.cut);
    expect(rows(subject, pairs)).toEqual(folder.pairs.map(([ids]) => ids));
    expect(rows(subject, pairs, folder.cutLength)).toEqual(folder.pairs.map(([, , cut]) => cut));
    if (subject.encode(['a']).tokenTypeIds) {
      const types = subject.encode(pairs, { padding: false, maxLength: 100_000 }).tokenTypeIds!;
      expect(types.map((row) => Array.from(row))).toEqual(folder.pairs.map(([, segments]) => segments));
    }
    if (folder.tokenTypeIds) expect(subject.encode(['a']).tokenTypeIds).toBeDefined();
    if (folder.padded) {
      const batch = subject.encode(texts.slice(0, 7), { padding: 'longest', maxLength: 16 });
      expect(Array.from(batch.inputIds)).toEqual(folder.padded.ids.flat());
      expect(Array.from(batch.attentionMask)).toEqual(folder.padded.mask.flat());
    }
  });

  it('size, length, padding token', () => {
    expect([subject.vocabSize, subject.maxLength]).toEqual([folder.vocabSize, folder.maxLength ?? 512]);
    if (folder.padTokenId !== undefined) expect(subject.padTokenId).toBe(folder.padTokenId);
  });

  it('decodes', () => {
    expect(folder.ids.map((row) => subject.decode(row))).toEqual(folder.decoded);
  });

  it('stored and read again, and from a hub', async () => {
    const copy = join(root, `${i} stored`);
    mkdirSync(copy, { recursive: true });
    for (const [name, content] of Object.entries(subject.files())) writeFileSync(join(copy, name), content);
    expect(rows(tokenizerFromFolder(copy), texts)).toEqual(folder.ids);
    const source = {
      name: 'org/model',
      list: async () => Object.keys(folder.files),
      read: async (name: string) => bytesOf(folder.files[name]!),
    };
    const fromHub = await tokenizerFromSource(source);
    expect(rows(fromHub, texts)).toEqual(folder.ids);
    expect(rows(tokenizerFromOptions(fromHub.describe().options as JsonObject), texts)).toEqual(folder.ids);
  });
});

/** A Python with transformers: DIPTYCH_PYTHON, the repository's own, or the system's. */
const python = [
  process.env.DIPTYCH_PYTHON,
  join(import.meta.dirname, '../../../.cache/venv/bin/python'),
  'python3',
].find((path) => path && spawnSync(path, ['-c', 'import transformers, sentencepiece']).status === 0);

describe.skipIf(!python)('transformers itself (skipped where there is no Python with it; set DIPTYCH_PYTHON)', () => {
  it('reads what is stored of SentencePiece models, with the same ids', () => {
    const code = `
import json, os, sys
os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
from transformers import AutoTokenizer
texts = json.load(sys.stdin)
tokenizers = [AutoTokenizer.from_pretrained(path) for path in sys.argv[1:]]
print(json.dumps([[tokenizer(text)["input_ids"] for text in texts] for tokenizer in tokenizers]))`;
    const chosen = [...folders.entries()].filter(([, { name }]) => name.startsWith('spm: '));
    const paths = chosen.map(([i, folder]) => {
      const copy = join(root, `${i} for Python`);
      mkdirSync(copy, { recursive: true });
      for (const [name, content] of Object.entries(tokenizer(write(folder, i)).files())) {
        writeFileSync(join(copy, name), content);
      }
      return copy;
    });
    const { status, stdout, stderr } = spawnSync(python!, ['-c', code, ...paths], {
      input: JSON.stringify(texts),
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    expect(status, stderr).toBe(0);
    const got = JSON.parse(stdout) as readonly unknown[];
    for (const [at, [, { name, ids }]] of chosen.entries()) expect(got[at], name).toEqual(ids);
  });
});
