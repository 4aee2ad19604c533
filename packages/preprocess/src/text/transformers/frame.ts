import type { Json, JsonObject } from '@diptych/core';
import type { SpecialLookup, TokenizerClass } from './classes.js';

/** The post-processor: the class's, else the file's, else beginning and end where the settings ask for them. */
export function frame(
  rules: TokenizerClass | undefined,
  special: SpecialLookup,
  settings: JsonObject,
  json: JsonObject | undefined,
  idOf: (token: string) => number | undefined,
): Json {
  const own = rules?.frame?.(special, settings, idOf);
  if (own !== undefined && own !== 'ends') return own;
  const file = json?.post_processor ?? null;
  const asked = settings.add_bos_token !== undefined || settings.add_eos_token !== undefined;
  if (own !== 'ends' && file !== null && !asked) return file;
  const piece = ([content]: readonly [string, number], type: number) => ({
    SpecialToken: { id: content, type_id: type },
  });
  const bos = settings.add_bos_token === true ? special('bos_token') : null;
  const eos = settings.add_eos_token === true ? special('eos_token') : null;
  const around = (id: string, type: number) => [
    ...(bos ? [piece(bos, type)] : []),
    { Sequence: { id, type_id: type } },
    ...(eos ? [piece(eos, type)] : []),
  ];
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      [bos, eos].flatMap((one) => (one ? [[one[0], { id: one[0], ids: [one[1]], tokens: [one[0]] }]] : [])),
    ),
  };
}
