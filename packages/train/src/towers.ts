/** The branches of a model, as groups of an optimizer and columns of a log name them, and their parameters' prefixes. */
const TOWERS: Readonly<Record<string, readonly string[]>> = {
  image: ['image_encoder'],
  text: ['text_encoder'],
  fusion: ['fusion_layer'],
  matcher: ['matcher'],
  temperature: ['logit_scale', 'logit_bias'],
};

/** `image`, `text`, `fusion`, `matcher` or `temperature`; `other` for parameters of a loss or of a model with own names. */
export function towerOf(name: string): string {
  const tower = Object.entries(TOWERS).find(([, prefixes]) => prefixes.some((prefix) => isInside(prefix, name)));
  return tower?.[0] ?? 'other';
}

/**
 * Chooses parameters: by tower (`text`), by path (`text_encoder.embeddings`, and all inside it), by path with `*`
 * for any characters (`*.LayerNorm`), or by a regular expression.
 */
export type NamePattern = string | RegExp;

/** True if a parameter's name is chosen by the pattern. */
export function matchesName(pattern: NamePattern, name: string): boolean {
  if (pattern instanceof RegExp) return name.search(pattern) >= 0;
  const prefixes = Object.hasOwn(TOWERS, pattern) ? TOWERS[pattern]! : [pattern];
  return prefixes.some((prefix) => isInside(prefix, name));
}

function isInside(prefix: string, name: string): boolean {
  if (!prefix.includes('*')) return name === prefix || name.startsWith(`${prefix}.`);
  const source = prefix
    .split('*')
    .map((literal) => literal.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}(\\.|$)`).test(name);
}
