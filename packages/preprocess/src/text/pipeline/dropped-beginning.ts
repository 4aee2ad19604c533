import type { Json } from '@diptych/core';
import { isObject } from '../definition.js';
import { normalizerFromJson } from './normalizers.js';
import { patternFromJson } from './pattern.js';

/**
 * Steps that may drop characters; `Replace` does where it puts nothing in their place. Of what `Precompiled` drops at the
 * beginning the library keeps no note.
 */
const DROPPING = new Set(['Strip', 'StripAccents', 'Nmt', 'BertNormalizer']);

const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Whether a normalizer drops what a text begins with: the library then no longer takes the rest for the text's beginning
 * (`offsets_original` of a slice), and `Metaspace` of the scheme `first` puts no mark before it.
 *
 * @returns undefined for a normalizer that drops nothing
 */
export function beginningDropper(json: Json | undefined): ((text: string) => boolean) | undefined {
  if (!isObject(json)) return undefined;
  if (json.type === 'Sequence') {
    const steps = (Array.isArray(json.normalizers) ? json.normalizers : []).map((step) => ({
      drops: beginningDropper(step),
      normalize: normalizerFromJson(step),
    }));
    if (steps.every(({ drops }) => drops === undefined)) return undefined;
    return (text) => {
      let current = text;
      return steps.some(({ drops, normalize }) => {
        if (drops?.(current)) return true;
        current = normalize(current);
        return false;
      });
    };
  }
  if (json.type === 'Replace') {
    if (json.content !== '') return undefined;
    const pattern = patternFromJson(json.pattern, 'normalizer Replace');
    return (text) => text !== '' && text.search(pattern) === 0;
  }
  if (!DROPPING.has(String(json.type))) return undefined;
  const normalize = normalizerFromJson(json);
  return (text) => {
    for (const { segment } of clusters.segment(text)) return normalize(segment) === '';
    return false;
  };
}
