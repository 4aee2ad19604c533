import { ConfigError, type Json } from '@diptych/core';
import { isObject } from './definition.js';
import { bareTemplate, bertTemplate, type TemplateToken, type TokenTemplate } from './template.js';

/**
 * The template of a `tokenizer.json`'s `post_processor`.
 *
 * @throws ConfigError for a kind that is not known
 */
export function templateFromJson(processor: Json | undefined): TokenTemplate {
  if (processor === null || processor === undefined) return bareTemplate;
  if (isObject(processor)) {
    if (processor.type === 'ByteLevel') return bareTemplate;
    if (processor.type === 'Sequence' && Array.isArray(processor.processors)) {
      const templates = processor.processors.map(templateFromJson).filter((template) => template !== bareTemplate);
      if (templates.length <= 1) return templates[0] ?? bareTemplate;
    }
    if (processor.type === 'BertProcessing') return bertTemplate(tokenId(processor.cls), tokenId(processor.sep));
    if (processor.type === 'RobertaProcessing') return robertaTemplate(tokenId(processor.cls), tokenId(processor.sep));
    if (processor.type === 'TemplateProcessing')
      return fromPieces(processor.single, processor.pair, processor.special_tokens);
  }
  throw unsupported(isObject(processor) ? processor.type : processor);
}

/** `<s> A </s>` and `<s> A </s></s> B </s>`, all of segment 0. */
function robertaTemplate(cls: number, sep: number): TokenTemplate {
  const first = { id: cls, typeId: 0 };
  const last = { id: sep, typeId: 0 };
  return {
    single: { before: [first], after: [last], typeId: 0 },
    pair: { before: [first], between: [last, last], after: [last], typeId: 0, secondTypeId: 0 },
  };
}

function fromPieces(single: Json | undefined, pair: Json | undefined, special: Json | undefined): TokenTemplate {
  const one = split(single, special);
  const two = split(pair, special);
  if (one.texts.length !== 1 || (two.texts.length !== 2 && two.texts.length !== 0))
    throw unsupported('TemplateProcessing');
  const [before, after] = one.runs as [TemplateToken[], TemplateToken[]];
  const [first = [], between = [], last = []] = two.runs;
  return {
    single: { before, after, typeId: one.texts[0]! },
    pair: { before: first, between, after: last, typeId: two.texts[0] ?? 0, secondTypeId: two.texts[1] ?? 0 },
  };
}

/** The runs of special tokens around the texts, and the texts' segment numbers. */
function split(pieces: Json | undefined, special: Json | undefined): { runs: TemplateToken[][]; texts: number[] } {
  const runs: TemplateToken[][] = [[]];
  const texts: number[] = [];
  for (const piece of Array.isArray(pieces) ? pieces : []) {
    if (isObject(piece) && isObject(piece.Sequence)) {
      texts.push(Number(piece.Sequence.type_id ?? 0));
      runs.push([]);
    } else if (isObject(piece) && isObject(piece.SpecialToken)) {
      const { id, type_id: typeId = 0 } = piece.SpecialToken;
      const entry = isObject(special) && typeof id === 'string' ? special[id] : undefined;
      const ids = isObject(entry) && Array.isArray(entry.ids) ? entry.ids : undefined;
      if (!ids) throw unsupported(`TemplateProcessing without an id for ${JSON.stringify(id)}`);
      for (const tokenId of ids) runs.at(-1)!.push({ id: Number(tokenId), typeId: Number(typeId) });
    }
  }
  return { runs, texts };
}

function tokenId(value: Json | undefined): number {
  if (Array.isArray(value) && typeof value[1] === 'number') return value[1];
  throw unsupported(`a special token ${JSON.stringify(value)}`);
}

function unsupported(got: Json | undefined): ConfigError {
  return new ConfigError({
    where: 'tokenizer.json: post_processor',
    expected: 'TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or a Sequence with one of them',
    got: typeof got === 'string' ? got : JSON.stringify(got),
  });
}
