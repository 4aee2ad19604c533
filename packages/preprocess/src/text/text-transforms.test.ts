import { plainSample } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { stripMarkup } from './strip-markup.js';
import { captionTemplate, chooseCaption } from './text-transforms.js';

const training = { training: true, seed: 3, epoch: 0, item: 0 };

describe('captionTemplate', () => {
  it('puts the caption in, dollar signs and all', () => {
    expect(captionTemplate('a photo of a {}.')('cat')).toBe('a photo of a cat.');
    expect(captionTemplate('{} and {}')('$& $1')).toBe('$& $1 and $& $1');
  });

  it('draws a template in training only', () => {
    const caption = captionTemplate('a {}', 'the {}', 'one {}');
    expect(caption('cat')).toBe('a cat');
    expect(caption('cat', plainSample)).toBe('a cat');
    const drawn = Array.from({ length: 60 }, (_, item) => caption('cat', { ...training, item }));
    expect(new Set(drawn).size).toBe(3);
    expect(Array.from({ length: 60 }, (_, item) => caption('cat', { ...training, item }))).toEqual(drawn);
  });

  it('refuses a template without a place', () => {
    expect(() => captionTemplate('a photo')).toThrow(/templates with \{\}.*got "a photo"/);
  });
});

describe('chooseCaption', () => {
  it('draws by seed, epoch and item in training, else takes the first', () => {
    const captions = ['a', 'b', 'c', 'd'];
    expect(chooseCaption(captions)).toBe('a');
    const epochs = Array.from({ length: 40 }, (_, epoch) => chooseCaption(captions, { ...training, epoch }));
    expect(new Set(epochs).size).toBe(4);
    expect(chooseCaption(captions, { ...training, epoch: 5 })).toBe(epochs[5]);
    expect(() => chooseCaption([])).toThrow(/at least one caption/);
  });
});

describe('stripMarkup', () => {
  it.each([
    ['<p>A <b>red</b> heart</p>', 'A red heart'],
    ['A&nbsp;cat &amp; a&#32;dog&#x21; &lt;3 &bogus;', 'A cat & a dog! <3 &bogus;'],
    ['before<!-- a <b> --> after', 'before after'],
    ['x<script type="a">if (a < b) c()</SCRIPT >y', 'x y'],
    ['x<style>p > a { }</style>y', 'x y'],
    ['<script>open', 'open'],
    ['<!doctype html><?xml version="1.0"?>text', 'text'],
    ['a < b and b > c', 'a < b and b > c'],
    ['I <3 you, x<y', 'I <3 you, x<y'],
    ['<a href="x"<b>c', 'a href="x" c'.replace('a', '<a')],
    ['line one<br/>line\n\n  two', 'line one line two'],
    ['&#0; &#xD800; &#1114112;', '\ufffd \ufffd \ufffd'],
    ['', ''],
  ])('%j', (text, clean) => {
    expect(stripMarkup(text)).toBe(clean);
  });

  it.each(['<', '<a ', '<script>', '<style>', '<!--', '&', '&amp;', '<a><'])(
    '%j over and over takes linear time',
    (part) => {
      const start = performance.now();
      stripMarkup(part.repeat(300_000));
      expect(performance.now() - start).toBeLessThan(5000);
    },
  );
});
