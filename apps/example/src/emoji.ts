import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Pair } from '@diptych/cli';

interface EmojiPicture {
  readonly unified: string;
  readonly image: string;
  readonly skin_variations?: Readonly<Record<string, EmojiPicture>>;
}

interface EmojiLabel {
  readonly hexcode: string;
  readonly label: string;
  readonly tags?: readonly string[];
  readonly skins?: readonly EmojiLabel[];
}

/**
 * Joins the pictures of `emoji-datasource-google` (Apache-2.0) with the English names and tags of `emojibase-data` (MIT):
 * 3,786 pairs, in the order of the picture package. Variants have their parent's tags.
 */
export function emojiPairs(): Pair[] {
  const require = createRequire(import.meta.url);
  const pictures = dirname(require.resolve('emoji-datasource-google/package.json'));
  const entries = JSON.parse(readFileSync(join(pictures, 'emoji.json'), 'utf8')) as EmojiPicture[];
  const named = new Map<string, { readonly text: string; readonly tags: readonly string[] }>();
  const addLabels = (items: readonly EmojiLabel[], inherited: readonly string[] = []) => {
    for (const { hexcode, label, tags = inherited, skins = [] } of items) {
      named.set(plainCode(hexcode), { text: label, tags });
      addLabels(skins, tags);
    }
  };
  addLabels(JSON.parse(readFileSync(require.resolve('emojibase-data/en/data.json'), 'utf8')) as EmojiLabel[]);

  return entries.flatMap((entry) =>
    [entry, ...Object.values(entry.skin_variations ?? {})].flatMap(({ unified, image }) => {
      const id = plainCode(unified);
      const name = named.get(id);
      if (!name) return [];
      return [{ id, group: plainCode(entry.unified), image: join(pictures, 'img/google/64', image), ...name }];
    }),
  );
}

/** The two packages disagree on variation selectors, which carry no meaning here. */
function plainCode(code: string): string {
  return code.toUpperCase().replaceAll('-FE0F', '');
}
