/** A part of a text: what a pattern matched, or what lies between two matches. */
export interface Part {
  readonly text: string;
  readonly matched: boolean;
}

/** What becomes of the matches of a pattern (`SplitDelimiterBehavior` of the library `tokenizers`). */
export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

/** Matches and gaps in their order. @param pattern with the flag g */
export function partsOf(text: string, pattern: RegExp): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const { index, 0: match } of text.matchAll(pattern)) {
    if (match.length === 0) continue;
    if (index > at) parts.push({ text: text.slice(at, index), matched: false });
    parts.push({ text: match, matched: true });
    at = index + match.length;
  }
  if (at < text.length) parts.push({ text: text.slice(at), matched: false });
  return parts;
}

/** Joins or drops the matches among the parts. */
export function splitParts(parts: readonly Part[], behavior: SplitBehavior): string[] {
  if (behavior === 'Isolated') return parts.map(({ text }) => text);
  if (behavior === 'Removed') return parts.filter(({ matched }) => !matched).map(({ text }) => text);
  if (behavior === 'MergedWithNext') {
    const joined: string[] = [];
    let before = false;
    for (const { text, matched } of [...parts].reverse()) {
      if (matched && !before && joined.length > 0) joined[joined.length - 1] = text + joined.at(-1)!;
      else joined.push(text);
      before = matched;
    }
    return joined.reverse();
  }
  const joined: string[] = [];
  let before: boolean | undefined = behavior === 'Contiguous' ? undefined : false;
  for (const { text, matched } of parts) {
    const joins = behavior === 'Contiguous' ? matched === before : matched && !before;
    if (joins && joined.length > 0) joined[joined.length - 1] += text;
    else joined.push(text);
    before = matched;
  }
  return joined;
}
