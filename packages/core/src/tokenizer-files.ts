import { checkMethods } from './config-checks.js';
import type { JsonObject, PartDescription } from './description.js';
import type { Tokenizer } from './tokenizer.js';

/** A tokenizer that can store its vocabulary beside a model. */
interface StoredTokenizer extends Tokenizer {
  files(): { readonly [name: string]: string };
}

/** A tokenizer's own files by name; none where it has none. */
export function tokenizerFiles(tokenizer: Tokenizer): { readonly [name: string]: string } {
  checkMethods(
    'core.tokenizerFiles',
    tokenizer,
    ['encode', 'describe'],
    'tokenizer() of @diptych/preprocess/text makes one',
  );
  return 'files' in tokenizer ? (tokenizer as StoredTokenizer).files() : {};
}

/** The vocabulary lies beside the model: neither its content nor its old path belongs into a description. */
export function describeTokenizer(tokenizer: Tokenizer): PartDescription {
  checkMethods('core.describeTokenizer', tokenizer, ['describe'], 'tokenizer() of @diptych/preprocess/text makes one');
  const { kind, options } = tokenizer.describe();
  if (!('files' in tokenizer)) return { kind, options };
  const { content: _content, path: _path, ...rest } = options as JsonObject;
  return { kind, options: rest };
}
