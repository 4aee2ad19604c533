import { ConfigError, checkList, plainSample, type SampleContext, SampleRandom, siteOf } from '@diptych/core';

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
  checkList('preprocess.chooseCaption', 'the captions', captions);
  if (captions.length > 0) return pick(captions, context, 'chooseCaption');
  throw new ConfigError({ where: 'preprocess.chooseCaption', expected: 'at least one caption', got: 'none' });
}

function pick<T>(choices: readonly T[], context: SampleContext, site: string): T {
  if (!context.training || choices.length === 1) return choices[0]!;
  return choices[new SampleRandom(context, siteOf(site)).integer(choices.length)]!;
}
