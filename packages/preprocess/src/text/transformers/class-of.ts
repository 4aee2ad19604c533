import { ConfigError, type Json, type JsonObject } from '@diptych/core';
import type { TokenizerDefinition } from '../definition.js';
import { TOKENIZER_CLASSES } from './classes.js';
import { CLASS_OF_MODEL_TYPE, CLASSES_NOT_SUPPORTED, GENERIC_MODEL_TYPES, WRONG_CLASS_ON_HUB } from './model-types.js';

/** The class that reads a `tokenizer.json` as it stands. */
export const GENERIC = 'PreTrainedTokenizerFast';

/** The class that transformers' AutoTokenizer picks. */
export function classOf(
  config: JsonObject,
  model: JsonObject | undefined,
  json: JsonObject | undefined,
  files: TokenizerDefinition['files'],
): string {
  const plain = (name: Json | undefined) =>
    typeof name === 'string' ? (name === GENERIC ? name : name.replace(/Fast$/, '')) : undefined;
  const given = plain(config.tokenizer_class) ?? plain(model?.tokenizer_class);
  const type = typeof model?.model_type === 'string' ? model.model_type : '';
  const registered = CLASS_OF_MODEL_TYPE.get(type);
  // a vocab.txt is BERT's, whatever model it stands beside
  const words = !json && files['vocab.txt'] !== undefined && files['vocab.json'] === undefined;
  let name = given;
  if (given === undefined) {
    const fits = registered !== undefined && (!words || TOKENIZER_CLASSES[registered]?.model === 'WordPiece');
    name = fits ? registered : json ? GENERIC : words ? 'BertTokenizer' : undefined;
  } else if (WRONG_CLASS_ON_HUB.has(type)) name = registered ?? GENERIC;
  else if (GENERIC_MODEL_TYPES.has(type)) name = GENERIC;
  if (name === undefined) {
    throw new ConfigError({
      where: 'preprocess.tokenizer',
      expected:
        'tokenizer_class in tokenizer_config.json, or model_type in config.json, beside vocab.json and merges.txt',
      got: 'neither',
    });
  }
  // LlamaTokenizer would build SentencePiece's steps, which a byte-level vocabulary does not fit
  if (name === 'LlamaTokenizer' && JSON.stringify([json?.pre_tokenizer, json?.decoder]).includes('"ByteLevel"'))
    return GENERIC;
  if (name in TOKENIZER_CLASSES) return name;
  if (CLASSES_NOT_SUPPORTED.has(name) || !json) {
    throw new ConfigError({
      where: 'preprocess.tokenizer',
      expected: `tokenizer_class ${Object.keys(TOKENIZER_CLASSES).join(', ')}, or ${GENERIC} with a tokenizer.json`,
      got: name,
      remedy: `save it with transformers: ${GENERIC}(tokenizer_object=tokenizer.backend_tokenizer).save_pretrained(folder)`,
    });
  }
  return name === 'SiglipTokenizer' ? name : GENERIC;
}
