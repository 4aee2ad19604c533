import { describe, expect, it } from 'vitest';
import { ConfigError } from './errors.js';
import { printable } from './printable.js';

describe('printable', () => {
  it('escapes what steers a terminal or turns the direction of writing', () => {
    expect(printable('a\u001b[31mred\u0000')).toBe('a\\u001b[31mred\\u0000');
    expect(printable('photo\u202egnp.exe')).toBe('photo\\u202egnp.exe');
    expect(printable('one\ntwo\ttabs\r')).toBe('one\\ntwo\\ttabs\\r');
    expect(printable('\u2066x\u2069 \u200fy\u2028z')).toBe('\\u2066x\\u2069 \\u200fy\\u2028z');
    expect(printable(`half ${String.fromCharCode(0xd83d)}`)).toBe('half \\ud83d');
  });

  it('leaves words and emoji of all scripts alone', () => {
    for (const text of ['größe', '猫', 'кот', '🐶‍🦺', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'می‌خواهم', 'say "hi" \\n'])
      expect(printable(text)).toBe(text);
  });

  it('goes over every message of an error, and over where it happened', () => {
    const error = new ConfigError({ where: 'a\u202eb.jsonl:1', got: 'x\u001b]0;title\u0007' });
    expect(error.message).toBe('a\\u202eb.jsonl:1: got x\\u001b]0;title\\u0007');
    expect(error.where).toBe('a\\u202eb.jsonl:1');
  });
});
