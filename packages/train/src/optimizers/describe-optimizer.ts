import type { JsonObject, PartDescription } from '@diptych/core';

/** Groups with regular expressions, as a person wrote them: JSON has none, and no path begins with a slash. */
interface Written {
  readonly groups?: unknown;
}

/** An optimizer's options as JSON, regular expressions as `/…/`. */
export function describeOptimizer(kind: string, options: object): PartDescription {
  const { groups } = options as Written;
  const written = Array.isArray(groups)
    ? groups.map((group: { match: unknown }) => ({ ...group, match: patternToJson(group.match) }))
    : groups;
  return { kind, options: { ...options, ...(groups !== undefined && { groups: written }) } as JsonObject };
}

/** The options that {@link describeOptimizer} wrote. */
export function optimizerOptions(options: JsonObject): object {
  const { groups } = options as Written;
  if (!Array.isArray(groups)) return options;
  return {
    ...options,
    groups: groups.map((group: { match: unknown }) => ({ ...group, match: patternFromJson(group.match) })),
  };
}

function patternToJson(match: unknown): unknown {
  if (Array.isArray(match)) return match.map(patternToJson);
  return match instanceof RegExp ? String(match) : match;
}

function patternFromJson(match: unknown): unknown {
  if (Array.isArray(match)) return match.map(patternFromJson);
  const [, source, flags] = (typeof match === 'string' && /^\/(.*)\/([a-z]*)$/s.exec(match)) || [];
  return source === undefined ? match : new RegExp(source, flags);
}
