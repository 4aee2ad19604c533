import { existsSync } from 'node:fs';
import { sep } from 'node:path';
import { ConfigError, checkText } from '@diptych/core';
import { isRemote } from '@diptych/core/http';
import { expand } from 'brace-expansion';

/**
 * Expands `{000..099}` and `{train,val}` in file names as bash does. Folders and files that exist under the very name with
 * braces are taken as they are (`{3F2504E0-4F89}/pairs.jsonl`, also before a pattern: `set{a}/part-{0..3}.tar`); `\{` and
 * `\}` stand for the braces themselves anywhere.
 *
 * @throws ConfigError where a pattern means over a million files
 */
export function expandBraces(pattern: string): string[] {
  checkText('data.expandBraces', 'a pattern', pattern);
  if (!pattern.includes('{')) return [pattern];
  const written = sep === '\\' ? pattern.replace(/\\(?![{},])/g, '/') : pattern;
  const files = expand(isRemote(pattern) ? written : withExistingPartsEscaped(written), {
    max: MAX_FILES + 1,
    maxLength: MAX_CHARACTERS,
    maxSteps: MAX_STEPS,
  });
  if (files.length > MAX_FILES) {
    throw new ConfigError({
      where: 'data.expandBraces',
      expected: `a pattern that means at most ${MAX_FILES} files`,
      got: JSON.stringify(pattern),
      remedy: 'give the names as a list',
    });
  }
  return files;
}

const MAX_FILES = 1_000_000;
// A million names of 200 characters, and what the library counts as work to make them.
const MAX_CHARACTERS = 200_000_000;
const MAX_STEPS = 1_000_000_000;

/** The pattern with the braces escaped in as many leading path parts as exist literally. */
function withExistingPartsEscaped(pattern: string): string {
  const parts = pattern.split('/');
  let path = '';
  for (const [i, part] of parts.entries()) {
    path += (i === 0 ? '' : '/') + part;
    if (!part.includes('{')) continue;
    if (!existsSync(path)) break;
    parts[i] = part.replace(/[\\{},.]/g, '\\$&');
  }
  return parts.join('/');
}
