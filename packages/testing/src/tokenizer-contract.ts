import { isDiptychError, type TokenBatch, type Tokenizer, tokenShape } from '@diptych/core';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';
import { requireDescription } from './stateful-checks.js';

/** What {@link testTokenizer} is told of a tokenizer. */
export interface TokenizerContract {
  create(): Tokenizer | Promise<Tokenizer>;
  /** Texts to try beside the suite's own, in the tokenizer's language. */
  readonly texts?: readonly string[];
}

/** Texts that have broken tokenizers. */
const TEXTS: readonly string[] = [
  'a red heart',
  '',
  ' \t\n ',
  'Ärger mit Ümläuten, naïve café',
  'ΟΔΟΣ',
  '猫が寝ている',
  '👩‍👩‍👧‍👦 family',
  'e\u0301 and \u00e9',
  '[CLS] [MASK] <|endoftext|> </s>',
  'a\u0000b\u200bc\ufeff',
  'lone \ud800 surrogate',
  'x'.repeat(300),
  'one two three four five six seven eight nine ten '.repeat(100),
  '!?.,;:()[]{}<>@#$%^&*-_=+\\|/~`\'"',
];

/**
 * Checks that a tokenizer keeps the contract of `Tokenizer`, as tests of a suite.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testTokenizer(runner: Runner, name: string, contract: TokenizerContract): void {
  register(runner, name, tokenizerChecks(contract));
}

/** The checks of {@link testTokenizer}, for use without a test runner. */
export function tokenizerChecks(contract: TokenizerContract): Check[] {
  checkContract('testing.tokenizerChecks', contract, 'create');
  const { create, texts: more = [] } = contract;
  const texts = [...TEXTS, ...more];
  return [
    {
      name: 'says sound sizes',
      run: async () => {
        const { vocabSize, padTokenId, maxLength } = await create();
        ensure(Number.isSafeInteger(vocabSize) && vocabSize > 0, `vocabSize is ${vocabSize}`);
        ensure(Number.isSafeInteger(maxLength) && maxLength > 0, `maxLength is ${maxLength}`);
        ensure(padTokenId >= 0 && padTokenId < vocabSize, `padTokenId is ${padTokenId}, vocabSize ${vocabSize}`);
      },
    },
    {
      name: 'gives arrays of the shape it says, with ids of its vocabulary',
      run: async () => {
        const tokenizer = await create();
        for (const padding of ['longest', 'max_length'] as const) {
          requireBatch(tokenizer, tokenizer.encode(texts, { padding, truncation: true }), texts.length);
        }
        for (const text of texts) requireBatch(tokenizer, tokenizer.encode([text], { truncation: true }), 1);
      },
    },
    {
      name: 'pads to the longest text, to maxLength, or to a multiple',
      run: async () => {
        const tokenizer = await create();
        const longest = tokenizer.encode(['a', 'a red heart on a white page'], { padding: 'longest' });
        const lengths = lengthsOf(longest);
        ensure(
          longest.shape[1] === Math.max(...lengths),
          `longest: ${longest.shape[1]} columns for texts of ${lengths.join(' and ')} tokens`,
        );
        const full = tokenizer.encode(['a'], { padding: 'max_length' });
        ensure(
          full.shape[1] === tokenizer.maxLength,
          `max_length: ${full.shape[1]} columns, not ${tokenizer.maxLength}`,
        );
        const eight = Math.min(8, tokenizer.maxLength);
        const short = tokenizer.encode(['a'], { padding: 'max_length', maxLength: eight });
        ensure(short.shape[1] === eight, `max_length ${eight}: ${short.shape[1]} columns`);
        const rounded = tokenizer.encode(['a', 'a red heart'], { padding: 'longest', padToMultipleOf: 4 });
        const columns = rounded.shape[1]!;
        ensure(columns % 4 === 0 || columns === tokenizer.maxLength, `padToMultipleOf 4: ${columns} columns`);
      },
    },
    {
      name: 'cuts long texts only if allowed',
      run: async () => {
        const tokenizer = await create();
        const long = 'word '.repeat(tokenizer.maxLength + 10);
        const cut = tokenizer.encode([long], { truncation: true });
        ensure(
          cut.shape[1]! <= tokenizer.maxLength,
          `${cut.shape[1]} tokens, more than maxLength ${tokenizer.maxLength}`,
        );
        const six = tokenizer.encode([long], { truncation: true, maxLength: Math.min(6, tokenizer.maxLength) });
        ensure(six.shape[1] === Math.min(6, tokenizer.maxLength), `maxLength 6: ${six.shape[1]} tokens`);
        let error: unknown;
        try {
          tokenizer.encode([long], { truncation: false });
        } catch (caught) {
          error = caught;
        }
        ensure(isDiptychError(error), 'a text that is too long, with truncation: false, gives no DiptychError');
      },
    },
    {
      name: 'encodes a text the same in any batch, and each time',
      run: async () => {
        const tokenizer = await create();
        const batch = tokenizer.encode(texts, { padding: 'longest', truncation: true });
        const again = (await create()).encode(texts, { padding: 'longest', truncation: true });
        for (const [row, text] of texts.entries()) {
          const together = realTokens(batch, row);
          const alone = realTokens(tokenizer.encode([text], { truncation: true }), 0);
          ensure(
            `${together}` === `${alone}`,
            `${JSON.stringify(text.slice(0, 40))} has other ids alone than in a batch`,
          );
          ensure(`${together}` === `${realTokens(again, row)}`, 'a second tokenizer gives other ids');
        }
      },
    },
    {
      name: 'tells different texts apart',
      run: async () => {
        const batch = (await create()).encode(['a cat', 'a dog']);
        ensure(`${realTokens(batch, 0)}` !== `${realTokens(batch, 1)}`, '"a cat" and "a dog" have the same ids');
      },
    },
    {
      name: 'describes itself in JSON',
      run: async () => requireDescription((await create()).describe()),
    },
  ];
}

function requireBatch(tokenizer: Tokenizer, batch: TokenBatch, rows: number): void {
  const { shape, inputIds, attentionMask, tokenTypeIds } = batch;
  ensure(shape.length === 2, `a shape of ${shape.length} numbers, not [rows, columns]`);
  const [height, columns] = shape as [number, number];
  const size = height * columns;
  ensure(height === rows, `${height} rows for ${rows} texts`);
  ensure(columns <= tokenizer.maxLength, `${columns} columns, more than maxLength ${tokenizer.maxLength}`);
  for (const [key, array] of Object.entries({ inputIds, attentionMask, tokenTypeIds })) {
    if (array === undefined) continue;
    ensure(array instanceof Int32Array, `${key} is no Int32Array`);
    ensure(array.length === size, `${key} has ${array.length} entries for shape [${shape.join()}]`);
  }
  ensure(
    attentionMask.every((value) => value === 0 || value === 1),
    'attentionMask holds something other than 0 and 1',
  );
  for (const [i, id] of inputIds.entries()) {
    ensure(id >= 0 && id < tokenizer.vocabSize, `id ${id} is not below vocabSize ${tokenizer.vocabSize}`);
    const isPadding = attentionMask[i] === 0;
    ensure(
      !isPadding || id === tokenizer.padTokenId,
      `a position of padding holds id ${id}, not ${tokenizer.padTokenId}`,
    );
  }
}

function lengthsOf(batch: TokenBatch): number[] {
  const [rows, columns] = tokenShape(batch);
  return Array.from({ length: rows }, (_, row) =>
    batch.attentionMask.subarray(row * columns, (row + 1) * columns).reduce((sum, value) => sum + value, 0),
  );
}

function realTokens(batch: TokenBatch, row: number): number[] {
  const [, columns] = tokenShape(batch);
  const [start, end] = [row * columns, (row + 1) * columns];
  return Array.from(batch.inputIds.subarray(start, end)).filter((_, i) => batch.attentionMask[start + i] === 1);
}
