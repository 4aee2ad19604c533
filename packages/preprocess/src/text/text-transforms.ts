import { ConfigError, plainSample, type SampleContext, SampleRandom, siteOf } from '@diptych/core';

/** A transform of one text: a plain function. */
export type TextTransform = (text: string, context?: SampleContext) => string;

/**
 * Puts a caption into a sentence, such as `a photo of a {}.` (Radford et al., Learning Transferable Visual Models From Natural
 * Language Supervision, 2021). Of several templates, training draws one per item and epoch; otherwise the first counts.
 *
 * @throws ConfigError unless each template has `{}`
 */
export function captionTemplate(...templates: readonly [string, ...string[]]): TextTransform {
  for (const template of templates) {
    if (typeof template === 'string' && template.includes('{}')) continue;
    throw new ConfigError({
      where: 'preprocess.captionTemplate',
      expected: "templates with {}, such as 'a photo of a {}.'",
      got: JSON.stringify(template) ?? 'none',
    });
  }
  return (text, context = plainSample) => pick(templates, context, 'captionTemplate').replaceAll('{}', () => text);
}

/**
 * One of several captions of a picture: in training drawn by seed, epoch and item, otherwise the first.
 *
 * @throws ConfigError for an empty list
 */
export function chooseCaption(captions: readonly string[], context: SampleContext = plainSample): string {
  if (captions.length > 0) return pick(captions, context, 'chooseCaption');
  throw new ConfigError({ where: 'preprocess.chooseCaption', expected: 'at least one caption', got: 'none' });
}

function pick<T>(choices: readonly T[], context: SampleContext, site: string): T {
  if (!context.training || choices.length === 1) return choices[0]!;
  return choices[new SampleRandom(context, siteOf(site)).integer(choices.length)]!;
}

/** Characters that end a tag or an entity, and how far they are looked for: text with stray `<` or `&` stays linear. */
const TAG = /<(?:!--[\s\S]{0,4096}?--|[/!?]?[A-Za-z][^<>]{0,1024})>/g;
const SCRIPT = /<(script|style)\b[^<>]{0,1024}>[\s\S]{0,65536}?<\/\1\s{0,16}>/gi;
const ENTITY = /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,8}));/g;

const ENTITIES: { readonly [name: string]: string } = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  copy: '\u00a9',
  reg: '\u00ae',
  trade: '\u2122',
  deg: '\u00b0',
  hellip: '\u2026',
  mdash: '\u2014',
  ndash: '\u2013',
  lsquo: '\u2018',
  rsquo: '\u2019',
  ldquo: '\u201c',
  rdquo: '\u201d',
  laquo: '\u00ab',
  raquo: '\u00bb',
  bull: '\u2022',
  middot: '\u00b7',
  times: '\u00d7',
  euro: '\u20ac',
  pound: '\u00a3',
};

/**
 * Cleans a caption from the web: HTML tags, comments, scripts and styles go, entities become characters, white space becomes one
 * space. What only looks like a tag (`a < b`) stays.
 */
export function stripMarkup(text: string): string {
  return text
    .replace(SCRIPT, ' ')
    .replace(TAG, ' ')
    .replace(ENTITY, (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
      const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
      return valid ? String.fromCodePoint(code) : '\ufffd';
    })
    .replace(/\s+/g, ' ')
    .trim();
}
