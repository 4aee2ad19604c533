// here, since testing depends on data, and data tests with preprocess: no package may close that ring
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@diptych/core';
import { compose, imageTransform, randomShift, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { testImageTransform, testTokenizer } from '@diptych/testing';
import { describe, it } from 'vitest';

const golden = (path: string) => fileURLToPath(new URL(`../golden/${path}`, import.meta.url));
const fixture = (name: string) =>
  JSON.parse(
    readFileSync(new URL(`../packages/preprocess/test/__fixtures__/${name}.tokenizer.json`, import.meta.url), 'utf8'),
  ) as JsonObject;

testTokenizer({ describe, it }, 'BERT', { create: () => tokenizer(golden('tokenizer/vocab.txt')) });
testTokenizer({ describe, it }, 'RoBERTa', { create: () => tokenizer(fixture('roberta'), { maxLength: 64 }) });
testTokenizer({ describe, it }, 'CLIP', { create: () => tokenizer(fixture('clip'), { maxLength: 77 }) });
testTokenizer({ describe, it }, 'unigram', { create: () => tokenizer(fixture('unigram'), { maxLength: 64 }) });

const encoded = golden('resize/sources/rgba.png');
testImageTransform({ describe, it }, 'imagenet', { create: () => imageTransform('imagenet'), encoded });
testImageTransform({ describe, it }, 'with a random step', {
  create: () =>
    compose([resize([32, 24]), randomShift({ pixels: 4, fill: 255 }), toTensor()], { decode: { onto: 'white' } }),
  encoded,
});
