import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { JsonObject } from '@diptych/core';
import { afterAll, describe, expect, it } from 'vitest';
import { tokenizer, tokenizerFromFolder, tokenizerFromOptions, tokenizerFromSource } from './tokenizer.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-tokenizer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const vocabulary = fileURLToPath(new URL('../../../../golden/tokenizer/vocab.txt', import.meta.url));
const fixture = (name: string) => fileURLToPath(new URL(`../../test/__fixtures__/${name}`, import.meta.url));
const bert = tokenizer(vocabulary);
const text = 'A photo of a red heart, unaffable.';

/** A hub folder with the files given as [name in the folder, source]. */
function hubFolder(name: string, files: [string, string][]): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const [target, source] of files) copyFileSync(source, join(path, target));
  return path;
}

describe('sources', () => {
  it('a path, a file URL, a folder with vocab.txt', () => {
    const path = hubFolder('bert', [['vocab.txt', vocabulary]]);
    for (const source of [path, pathToFileURL(vocabulary), pathToFileURL(vocabulary).href]) {
      expect(tokenizer(source).encode([text])).toEqual(bert.encode([text]));
    }
  });

  it('tokenizer_config.json says case, length and side', () => {
    const path = hubFolder('cased', [['vocab.txt', vocabulary]]);
    writeFileSync(
      join(path, 'tokenizer_config.json'),
      JSON.stringify({
        do_lower_case: false,
        model_max_length: 6,
        padding_side: 'left',
        unk_token: { content: '[UNK]' },
      }),
    );
    const cased = tokenizer(path);
    expect(cased.maxLength).toBe(6);
    expect(cased.encode(['A a'], { padding: false }).inputIds[0]).toEqual(Int32Array.of(101, 100, 1037, 102));
    const { inputIds, attentionMask } = cased.encode(['a', 'a a']);
    expect(Array.from(inputIds)).toEqual([0, 101, 1037, 102, 101, 1037, 1037, 102]);
    expect(Array.from(attentionMask)).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
    expect(tokenizer(path, { lowercase: true, maxLength: 9 }).maxLength).toBe(9);
  });

  it('a folder with tokenizer.json and its configuration', () => {
    const path = hubFolder('clip', [
      ['tokenizer.json', fixture('clip.tokenizer.json')],
      ['tokenizer_config.json', fixture('clip.tokenizer_config.json')],
    ]);
    const clip = tokenizer(path);
    expect(clip.maxLength).toBe(77);
    const { shape, inputIds, attentionMask, tokenTypeIds } = clip.encode(['a red heart'], { padding: 'max_length' });
    expect(shape).toEqual([1, 77]);
    expect(tokenTypeIds).toBeUndefined();
    // CLIP pads with its end token.
    expect(clip.padTokenId).toBe(1);
    const length = attentionMask.indexOf(0);
    expect([inputIds[0], inputIds[length - 1], inputIds[76]]).toEqual([0, 1, 1]);
  });

  it('a source, such as a model on the hub', async () => {
    const files: Record<string, Uint8Array> = {
      'config.json': Buffer.from('{}'),
      'vocab.txt': readFileSync(vocabulary),
      'tokenizer_config.json': Buffer.from('{"model_max_length": 128}'),
    };
    const source = {
      name: 'org/model',
      list: async () => Object.keys(files),
      read: async (name: string) => files[name]!,
    };
    const read = await tokenizerFromSource(source, { lowercase: true });
    expect(read.maxLength).toBe(128);
    expect(read.encode([text])).toEqual(bert.encode([text]));
    const empty = { ...source, list: async () => ['config.json'] };
    await expect(tokenizerFromSource(empty)).rejects.toThrow(/^org\/model: expected tokenizer\.json, vocab\.txt/);
    files['vocab.txt'] = Uint8Array.of(0xff);
    await expect(tokenizerFromSource(source)).rejects.toThrow(/org\/model\/vocab\.txt: expected text in UTF-8/);
  });

  it('an old vocabulary with Windows line ends', () => {
    const path = join(folder, 'windows.txt');
    writeFileSync(path, '[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\ncat\r\n');
    expect(tokenizer(path).encode(['cat dog'], { padding: false }).inputIds[0]).toEqual(Int32Array.of(2, 5, 1, 3));
  });

  it.each([
    ['a missing file', join('none', 'vocab.txt'), /there is no such file; download/],
    ['an empty folder', () => hubFolder('none', []), /expected tokenizer\.json, vocab\.txt, .*spiece\.model/],
    [
      'text that is no vocabulary',
      () => write('prose.txt', 'once upon a time'),
      /the token \[UNK\] in the vocabulary, got 1 tokens/,
    ],
    ['bytes that are no text', () => write('bytes.txt', Uint8Array.of(0xff, 0xfe, 0x80)), /expected text in UTF-8/],
    ['malformed JSON', () => write('a.json', '{"model": '), /a\.json: expected JSON/],
    ['a JSON array', () => write('b.json', '[1]'), /expected a JSON object, got an array/],
    [
      'JSON of something else',
      () => write('c.json', '{"model": {"type": "Magic"}}'),
      /tokenizer\.json: expected a tokenizer of the hub/,
    ],
    ['an object of something else', { a: 1 }, /got an object with the keys a; adapt a tokenizer of transformers\.js/],
    ['a number', 5, /got number/],
  ])('%s is refused', (_, source, message) => {
    const value = typeof source === 'function' ? source() : source;
    expect(() => tokenizer(value as string)).toThrow(message);
  });

  it.each([
    [
      'a class with rules of its own',
      { tokenizer_class: 'PegasusTokenizer' },
      /got PegasusTokenizer; save it with transformers/,
    ],
    ['a class of another model', { tokenizer_class: 'BertTokenizer' }, /model: expected WordPiece, .* got BPE/],
    [
      'an added token without content',
      { added_tokens_decoder: { 5: { id: 5 } } },
      /added_tokens_decoder: expected tokens/,
    ],
  ])('%s is refused', (name, settings, message) => {
    const path = hubFolder(name, [['tokenizer.json', fixture('roberta.tokenizer.json')]]);
    writeFileSync(join(path, 'tokenizer_config.json'), JSON.stringify(settings));
    expect(() => tokenizer(path)).toThrow(message);
  });

  it('vocab.json without a class, and without its merges, is refused', () => {
    const path = hubFolder('bare', []);
    writeFileSync(join(path, 'vocab.json'), '{"a": 0}');
    expect(() => tokenizer(path)).toThrow(/expected tokenizer_class in tokenizer_config\.json, or model_type/);
    writeFileSync(join(path, 'config.json'), '{"model_type": "roberta"}');
    expect(() => tokenizer(path)).toThrow(/expected tokenizer\.json, or vocab\.json with merges\.txt/);
    writeFileSync(join(path, 'merges.txt'), '#version: 0.2\na b c\n');
    expect(() => tokenizer(path)).toThrow(/merges\.txt:2: expected two tokens/);
  });

  it.each([
    [{ normalizer: { type: 'Odd' } }, /normalizer: expected .* got Odd/],
    [{ pre_tokenizer: { type: 'UnicodeScripts' } }, /pre_tokenizer: expected .* got UnicodeScripts/],
    [
      { pre_tokenizer: { type: 'Split', pattern: { Regex: '(?<' }, behavior: 'Isolated' } },
      /Split: expected an expression/,
    ],
  ])('steps of %j are refused', (steps, message) => {
    const json = { model: { type: 'WordLevel', vocab: { a: 0 }, unk_token: 'a' } };
    expect(() => tokenizer({ ...json, ...steps } as JsonObject)).toThrow(message);
  });

  it('an unknown post-processor is refused', () => {
    const json = { model: { type: 'BPE', vocab: { a: 0 }, merges: [] }, post_processor: { type: 'Odd' } };
    const rest = { decoder: null, pre_tokenizer: null, normalizer: null, added_tokens: [] };
    expect(() => tokenizer({ ...json, ...rest })).toThrow(/post_processor: expected|tokenizer of the hub/);
  });
});

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('storing and rebuilding', () => {
  const sources: [string, string | JsonObject][] = [
    ['vocab.txt', vocabulary],
    ['tokenizer.json', fixture('roberta.tokenizer.json')],
    [
      'an object',
      {
        ...(JSON.parse(JSON.stringify({ model: smallModel() })) as JsonObject),
        normalizer: bertNormalizer(),
        pre_tokenizer: { type: 'BertPreTokenizer' },
      },
    ],
  ];
  it.each(sources)('from %s', (name, source) => {
    const original = tokenizer(source, { maxLength: 9 });
    const { kind, options } = original.describe();
    expect(kind).toBe('preprocess/tokenizer');
    const elsewhere = tokenizerFromOptions(JSON.parse(JSON.stringify(options)) as JsonObject);
    const store = join(folder, `store ${name.replace(/\W/g, '')}`);
    mkdirSync(store);
    for (const [file, content] of Object.entries(original.files())) writeFileSync(join(store, file), content);
    for (const rebuilt of [elsewhere, tokenizerFromFolder(store), tokenizerFromOptions(options, store)]) {
      expect(rebuilt.encode([text, 'x '.repeat(30)])).toEqual(original.encode([text, 'x '.repeat(30)]));
      expect([rebuilt.maxLength, rebuilt.padTokenId, rebuilt.vocabSize]).toEqual([
        9,
        original.padTokenId,
        original.vocabSize,
      ]);
    }
  });

  it('describes a tokenizer from a file by its path, in few bytes', () => {
    expect(JSON.stringify(bert.describe()).length).toBeLessThan(500);
    expect(() => tokenizerFromOptions({ file: 'x' })).toThrow(/options with a path, or files with their contents/);
  });
});

function smallModel() {
  return { type: 'WordPiece', unk_token: '[UNK]', vocab: { '[PAD]': 0, '[UNK]': 1, x: 2, heart: 5 } };
}

function bertNormalizer() {
  return { type: 'BertNormalizer', clean_text: true, lowercase: true };
}

describe('layout', () => {
  it('pads to the longest, to maxLength, to a multiple', () => {
    const texts = ['a', 'a a a'];
    expect(bert.encode(texts).shape).toEqual([2, 5]);
    expect(bert.encode(texts, { padding: 'max_length', maxLength: 7 }).shape).toEqual([2, 7]);
    expect(bert.encode(texts, { padToMultipleOf: 16 }).shape).toEqual([2, 16]);
    expect(bert.encode(texts, { padding: 'max_length', maxLength: 17, padToMultipleOf: 16 }).shape).toEqual([2, 32]);
    expect(bert.encode([], {}).shape).toEqual([0, 0]);
    expect(tokenizer(vocabulary, { maxLength: 20 }).encode(['a '.repeat(40)], { padToMultipleOf: 16 }).shape).toEqual([
      1, 20,
    ]);
  });

  it('marks segments of pairs and pads them with 0', () => {
    const { shape, inputIds, tokenTypeIds, attentionMask } = bert.encode([['a', 'red'], 'a']);
    expect(shape).toEqual([2, 5]);
    expect(Array.from(inputIds)).toEqual([101, 1037, 102, 2417, 102, 101, 1037, 102, 0, 0]);
    expect(Array.from(tokenTypeIds!)).toEqual([0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
    expect(Array.from(attentionMask)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
  });

  it('leaves out special tokens where asked', () => {
    expect(Array.from(bert.encode(['a red'], { padding: false, addSpecialTokens: false }).inputIds[0]!)).toEqual([
      1037, 2417,
    ]);
    expect(
      Array.from(bert.encode([['a', 'red']], { padding: false, addSpecialTokens: false, maxLength: 1 }).inputIds[0]!),
    ).toEqual([2417]);
  });

  it('gives rows of their own lengths without padding', () => {
    const { inputIds, attentionMask, tokenTypeIds } = bert.encode([['a', 'red'], 'a'], { padding: false });
    expect(inputIds.map((row) => Array.from(row))).toEqual([
      [101, 1037, 102, 2417, 102],
      [101, 1037, 102],
    ]);
    expect(attentionMask).toEqual([Int32Array.of(1, 1, 1, 1, 1), Int32Array.of(1, 1, 1)]);
    expect(tokenTypeIds).toEqual([Int32Array.of(0, 0, 0, 1, 1), Int32Array.of(0, 0, 0)]);
    expect(bert.encode([], { padding: false }).inputIds).toEqual([]);
  });

  it('decodes and looks tokens up', () => {
    const [row] = bert.encode([text], { padding: false }).inputIds;
    expect(bert.decode(row!)).toBe('a photo of a red heart, unaffable.');
    expect(bert.decode(row!, { skipSpecialTokens: false })).toMatch(/^\[CLS\] a photo .* \[SEP\]$/);
    expect(bert.decode([])).toBe('');
    expect([bert.tokenToId('[MASK]'), bert.idToToken(103), bert.idToToken(99999)]).toEqual([103, '[MASK]', undefined]);
    const clip = tokenizer(fixture('clip.tokenizer.json'));
    expect(clip.decode([])).toBe('');
  });

  it.each([
    [{ maxLength: 2 }, /maxLength from 3/],
    [{ maxLength: 7.5 }, /got maxLength 7\.5/],
    [{ padToMultipleOf: 0 }, /padToMultipleOf from 1/],
    [{ padding: 'all' }, /padding 'longest' or 'max_length', or false/],
    [{ padding: false, padToMultipleOf: 8 }, /false without padToMultipleOf/],
  ])('%j is refused', (options, message) => {
    expect(() => bert.encode(['a'], options as object)).toThrow(message);
  });

  it.each([[null], [undefined], [5], [['a']], [['a', 'b', 'c']], [['a', 5]]])('%j as a text is refused', (value) => {
    expect(() => bert.encode(['a', value as unknown as string])).toThrow(
      /text 1: expected a string or a pair of strings/,
    );
  });

  it('throws for long texts where truncation is off', () => {
    expect(() => bert.encode(['a', 'a '.repeat(9)], { maxLength: 8, truncation: false })).toThrow(
      /text 1: expected at most 8 tokens/,
    );
    expect(() => bert.encode([['a a a', 'a a a']], { maxLength: 8, truncation: false })).toThrow(/text 0/);
    expect(bert.encode([['a a', 'a a a']], { maxLength: 8, truncation: false }).shape).toEqual([1, 8]);
  });
});

describe('texts of 10 MB', () => {
  const size = 10 * 2 ** 20;
  const monsters: [string, string][] = [
    ['words', 'the red cat '.repeat(size / 12)],
    ['one word', 'x'.repeat(size)],
    ['Chinese', '猫'.repeat(size / 2)],
    ['accents without end', `a${'\u0301\u0323'.repeat(size / 2)}`],
    ['accents that the library does not know', `a${'\u0898\u0899\u08ca'.repeat(Math.floor(size / 3))}`],
    ['lone surrogates', '\ud800'.repeat(size)],
    ['special tokens', '[MASK]'.repeat(Math.floor(size / 6))],
  ];

  it.each(monsters)('%s: BERT answers in bounded time and memory', { timeout: 60_000 }, (_, monster) => {
    const before = process.memoryUsage().rss;
    const row = bert.encode([monster], { padding: false }).inputIds[0]!;
    expect(row.length).toBeLessThanOrEqual(512);
    expect(Array.from(row)).toEqual(
      Array.from(bert.encode([monster.slice(0, 40_000)], { padding: false }).inputIds[0]!),
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * 2 ** 20);
  });

  it.each(['roberta', 'clip', 'unigram'])(
    'words: %s reads only what it needs, runs without an end are refused',
    (name) => {
      const library = tokenizer(fixture(`${name}.tokenizer.json`), { maxLength: 77 });
      const words = library.encode([monsters[0]![1]], { padding: false }).inputIds[0]!;
      expect(words).toEqual(library.encode([monsters[0]![1].slice(0, 6000)], { padding: false }).inputIds[0]);
      for (const [, monster] of monsters.slice(1)) {
        expect(() => library.encode([monster])).toThrow(/a run of more than 65536 without a space/);
      }
    },
  );
});

it('a prefix is enough only where the library would give the same ids for the whole', () => {
  const library = tokenizer(fixture('roberta.tokenizer.json'), { maxLength: 400 });
  const odd = `${'cat '.repeat(1020)}<mask> dog  two   spaces\n\nlines ${'red heart, '.repeat(2000)}`;
  const rows = [5, 50, 399, 400].map((maxLength) =>
    Array.from(library.encode([odd], { padding: false, maxLength }).inputIds[0]!),
  );
  const longest = rows.at(-1)!;
  for (const row of rows) expect(row.slice(0, -1)).toEqual(longest.slice(0, row.length - 1));
});
