import { ConfigError, type Json } from '@diptych/core';
import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { isObject } from '../definition.js';
import { escapeRegExp } from './unicode.js';

const ENDS: { readonly [letter: string]: string } = { A: '(?<![\\s\\S])', z: '(?![\\s\\S])' };

/**
 * The `pattern` of a step: a literal string, or an expression of Oniguruma, which the library rewrites for JavaScript.
 *
 * @throws ConfigError for an expression that JavaScript cannot have
 */
export function patternFromJson(pattern: Json | undefined, where: string): RegExp {
  if (isObject(pattern) && typeof pattern.String === 'string') return new RegExp(escapeRegExp(pattern.String), 'gu');
  if (isObject(pattern) && typeof pattern.Regex === 'string') {
    try {
      // begin and end of the text: the library takes ^ and $ for those of a line, as Ruby does
      const expression = pattern.Regex.replace(/\\(.)/gs, (whole, letter) => ENDS[letter] ?? whole);
      const split = new SplitPreTokenizer({ type: 'Split', pattern: { Regex: expression }, invert: true } as never);
      // a field that the library's types keep to themselves
      const compiled = (split as unknown as { pattern: RegExp | null }).pattern;
      if (compiled) return compiled;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      throw new ConfigError(
        {
          where: `tokenizer.json: ${where}`,
          expected: 'an expression that JavaScript can run',
          got: pattern.Regex,
          problem,
        },
        { cause: error },
      );
    }
  }
  throw new ConfigError({
    where: `tokenizer.json: ${where}`,
    expected: 'a pattern {"String": …} or {"Regex": …}',
    got: JSON.stringify(pattern) ?? 'none',
  });
}
