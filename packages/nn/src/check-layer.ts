import { ConfigError, checkMethods, checkOptions, checkPositive, type OptionNames } from '@diptych/core';

/**
 * Checks what a layer is made of before its first parameter exists, so that nothing is left behind.
 *
 * @param sizes whole numbers above 0, by the arguments' names
 * @throws ConfigError for a size that is none, an unknown option, or no generator where one is needed
 */
export function checkLayer<Options extends object>(
  where: string,
  sizes: Readonly<Record<string, number>>,
  options: Options,
  names: OptionNames<Options>,
): void {
  for (const [what, size] of Object.entries(sizes)) checkPositive(where, what, size);
  checkOptions(where, options, names);
  if ('generator' in names && names.generator === 'required') checkGenerator(where, options);
}

/** @throws ConfigError unless 0 <= p < 1 */
export function checkProbability(where: string, what: string, p: number): void {
  // a null is a missing number that compares like 0
  if (typeof p === 'number' && p >= 0 && p < 1) return;
  throw new ConfigError({ where, expected: `${what} in [0, 1)`, got: String(p) });
}

/** @throws ConfigError unless the options hold something that draws numbers */
function checkGenerator(where: string, options: { readonly generator?: unknown }): void {
  checkMethods(where, options.generator, ['uniform', 'normal'], 'pass { generator: new Generator(seed) }');
}
