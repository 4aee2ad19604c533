import { ConfigError, type PartDescription, type Stateful } from '@diptych/core';

/**
 * How to build a part again, as JSON.
 *
 * @param where the place that the error names
 * @throws ConfigError if the part has no `describe()`
 */
export function describePart(
  where: string,
  part: Stateful,
): { readonly [key in keyof PartDescription]: PartDescription[key] } {
  if (part.describe) return { ...part.describe() };
  throw new ConfigError({
    where,
    problem: 'this part has no describe(), so it cannot be built again from a checkpoint',
    remedy: "give it `describe() { return { kind: 'my/kind', options: {…} } }` and pass the kind's builder to load()",
  });
}
