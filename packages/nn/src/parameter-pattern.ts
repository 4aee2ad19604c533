/**
 * Which parameters or modules: a path or the path of a module around them (`layer1`, `encoder.layer.*.attention`; `*`
 * stands for any run of characters without a dot), a regular expression on the whole name, or several of these.
 */
export type ParameterPattern = string | RegExp | readonly (string | RegExp)[];

/** The single patterns of a pattern. */
export function patternsOf(pattern: ParameterPattern): readonly (string | RegExp)[] {
  return typeof pattern === 'string' || pattern instanceof RegExp ? [pattern] : pattern;
}

/** True if a parameter or module of this name is meant. */
export function matchesPattern(name: string, pattern: string | RegExp): boolean {
  // search, since test() would remember its place in a pattern with the flag g
  if (pattern instanceof RegExp) return name.search(pattern) >= 0;
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^.]*');
  return new RegExp(`^${escaped}(\\.|$)`).test(name);
}
