import type { PageHit } from './use-results.js';

/** What a picture is called: its caption, else the name of its file. */
export function captionOf({ id, metadata }: Pick<PageHit, 'id' | 'metadata'>): string {
  const { caption } = metadata;
  if (typeof caption === 'string' && caption.trim() !== '') return caption.split('\n')[0]!;
  return id.slice(id.lastIndexOf('/') + 1);
}
