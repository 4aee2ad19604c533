import { ConfigError } from '@diptych/core';
import type { TokenizerDefinition } from './definition.js';

/**
 * Browsers have no folders to read.
 *
 * @throws ConfigError that says what to call in place of it
 */
export function readDefinition(source: string | URL): TokenizerDefinition {
  throw new ConfigError({
    where: 'preprocess.tokenizer',
    expected: 'the object of a tokenizer.json: browsers read no paths',
    got: String(source),
    remedy: 'fetch the file and pass its JSON, or tokenizerFromSource(openSource(id))',
  });
}
