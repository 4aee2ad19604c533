import { ConfigError, checkText, nearestName } from '@diptych/core';

/**
 * Which parameters or modules: the path of one, or of a module around them (`image`, `text.encoder.layer.3`), in which `*`
 * stands for any characters of one step (`text.encoder.layer.*.attention`, `layer*`) and `**` for any number of steps
 * (`**.LayerNorm`); a regular expression on the whole path; or several of these.
 *
 * The one language for freezing, LoRA, optimizer groups, recomputation and freeze rules.
 */
export type ParameterPattern = string | RegExp | readonly (string | RegExp)[];

/** True if a parameter or module of this path is meant. */
export function matchesPattern(path: string, pattern: ParameterPattern): boolean {
  checkText('nn.matchesPattern', 'the path', path);
  if (!(pattern instanceof RegExp) && !Array.isArray(pattern)) checkText('nn.matchesPattern', 'the pattern', pattern);
  return patternsOf(pattern).some((one) => matchesOne(path, one));
}

/**
 * What of some named things is meant, in their order.
 *
 * @param where the place that the error names, e.g. `nn.freeze`
 * @param what they are, in the plural: `parameters`
 * @throws ConfigError if one of the patterns means none of them
 */
export function choose<Named extends readonly [path: string, ...unknown[]]>(
  where: string,
  what: string,
  named: readonly Named[],
  pattern: ParameterPattern,
): Named[] {
  const idle = patternsOf(pattern).find((one) => !named.some(([path]) => matchesOne(path, one)));
  if (idle !== undefined) {
    const paths = named.map(([path]) => path);
    const near = typeof idle === 'string' ? nearestName(idle, withPathsAround(paths)) : undefined;
    throw new ConfigError({
      where,
      expected: `a pattern of the ${what} (${[...paths.slice(0, 5), ...(paths.length > 5 ? ['…'] : [])].join(', ')})`,
      got: String(idle),
      remedy: near && `did you mean ${near}?`,
    });
  }
  return named.filter(([path]) => matchesPattern(path, pattern));
}

/** `a.b.c` as `a`, `a.b` and `a.b.c`. */
function withPathsAround(paths: readonly string[]): string[] {
  const around = paths.flatMap((path) => {
    const steps = path.split('.');
    return steps.map((_, i) => steps.slice(0, i + 1).join('.'));
  });
  return [...new Set(around)];
}

function patternsOf(pattern: ParameterPattern): readonly (string | RegExp)[] {
  return typeof pattern === 'string' || pattern instanceof RegExp ? [pattern] : pattern;
}

function matchesOne(path: string, pattern: string | RegExp): boolean {
  // search, since test() would remember its place in a pattern with the flag g
  if (pattern instanceof RegExp) return path.search(pattern) >= 0;
  return new RegExp(`^${pattern.replace(/\*\*\.|\*\*|\*|[.+?^${}()|[\]\\]/g, toSource)}(\\.|$)`).test(path);
}

function toSource(token: string): string {
  if (token === '**.') return '(?:[^.]+\\.)*';
  if (token === '**') return '.*';
  if (token === '*') return '[^.]*';
  return `\\${token}`;
}
