import { printable } from '@diptych/core';

/** A picture that was found, with what is to be said below it. */
export interface FoundPicture {
  /** `data:` URI. */
  readonly source: string;
  readonly caption: string;
  readonly note: string;
}

/** Results of a search as a page that needs nothing beside itself and runs no script. */
export function renderResults(title: string, found: readonly FoundPicture[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>${escapeHtml(title)}</title>
<style>
:root { color-scheme: light dark; --faint: light-dark(#5a5d66, #a5aab5); --line: light-dark(#d5d3cd, #3a3e47); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
div { display: flex; flex-wrap: wrap; gap: .5rem; align-items: flex-start; }
figure { margin: 0; width: 7rem; padding: .5rem; border: 1px solid var(--line); border-radius: .5rem; text-align: center; }
img { object-fit: contain; background: #fff; border-radius: .3rem; }
figcaption { font-size: .75rem; line-height: 1.25; overflow-wrap: anywhere; } figcaption span { display: block; color: var(--faint); }
</style></head><body><main><h1><bdi>${escapeHtml(title)}</bdi></h1><div>${found.map(picture).join('')}</div></main></body></html>
`;
}

function picture({ source, caption, note }: FoundPicture): string {
  const text = escapeHtml(caption);
  return `<figure><img src="${source}" alt="${text}" width="64" height="64"><figcaption><bdi>${text}</bdi><span>${escapeHtml(note)}</span></figcaption></figure>`;
}

function escapeHtml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return printable(text).replace(/[&<>"']/g, (character) => names[character]!);
}
