import { ConfigError } from '@diptych/core';

/**
 * Expands `{000..099}` and `{train,val}` in shard names, as WebDataset's users write them.
 *
 * @throws ConfigError where a brace is not closed, a range makes no sense, or a pattern means over a million shards
 */
export function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf('{');
  if (open === -1) return [pattern];
  const close = pattern.indexOf('}', open);
  if (close === -1) throw badPattern(pattern, 'a closing } after {');
  const before = pattern.slice(0, open);
  const choices = expandChoice(pattern, pattern.slice(open + 1, close));
  const after = expandBraces(pattern.slice(close + 1));
  if (choices.length * after.length > MAX_SHARDS) throw badPattern(pattern, `at most ${MAX_SHARDS} shards`);
  return choices.flatMap((choice) => after.map((rest) => before + choice + rest));
}

const MAX_SHARDS = 1_000_000;

function expandChoice(pattern: string, inner: string): string[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(inner);
  if (!range) {
    if (inner === '' || inner.includes('{')) throw badPattern(pattern, '{first..last} or {one,other}, not nested');
    return inner.split(',');
  }
  const [first, last] = [Number(range[1]), Number(range[2])];
  if (last < first) throw badPattern(pattern, 'a range that goes up');
  if (last - first >= MAX_SHARDS) throw badPattern(pattern, `at most ${MAX_SHARDS} shards`);
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i).padStart(range[1]!.length, '0'));
}

function badPattern(pattern: string, expected: string): ConfigError {
  return new ConfigError({ where: 'data.expandBraces', expected, got: JSON.stringify(pattern) });
}
