import type { JsonObject } from '@diptych/core';
import type { BuiltTokenizer } from './built-tokenizer.js';
import { isObject } from './definition.js';
import { LibraryModel } from './library-model.js';
import { layoutSettings, tokenText } from './settings.js';
import { templateFromJson } from './template-from-json.js';

/** Tokens that stand for padding where no configuration names one, in this order. */
const USUAL_PADDING = ['<pad>', '[PAD]', '<|endoftext|>', '</s>'];

/**
 * A tokenizer from a `tokenizer.json` of any model that `@huggingface/tokenizers` runs.
 *
 * @throws InputError if the library refuses the file
 * @throws ConfigError for an unknown post-processor
 */
export function libraryTokenizer(json: JsonObject, config: JsonObject): BuiltTokenizer {
  const model = new LibraryModel(json, config);
  const template = templateFromJson(json.post_processor);
  const { padding } = json;
  const named = tokenText(config.pad_token);
  const padTokenId =
    (named === undefined ? undefined : model.tokenToId(named)) ??
    (isObject(padding) && typeof padding.pad_id === 'number' ? padding.pad_id : undefined) ??
    USUAL_PADDING.map((token) => model.tokenToId(token)).find((id) => id !== undefined) ??
    0;
  const inputs = config.model_input_names;
  return {
    model,
    template,
    padTokenId,
    tokenTypeIds: template.pair.secondTypeId !== 0 || (Array.isArray(inputs) && inputs.includes('token_type_ids')),
    ...layoutSettings(config),
  };
}
