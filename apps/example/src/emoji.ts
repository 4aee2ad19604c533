import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** One picture with its caption. */
export interface Pair {
  /** Stable name of the pair: the emoji's code points, or the row's own id. */
  readonly id: string;
  /** Pairs with one group (skin tones of one emoji) stay on one side of a `base` split. */
  readonly group: string;
  /** Absolute path of the picture. */
  readonly image: string;
  readonly text: string;
}

interface EmojiPicture {
  readonly unified: string;
  readonly image: string;
  readonly skin_variations?: Readonly<Record<string, EmojiPicture>>;
}

interface EmojiLabel {
  readonly hexcode: string;
  readonly label: string;
  readonly skins?: readonly EmojiLabel[];
}

/**
 * Joins the pictures of `emoji-datasource-google` (Apache-2.0) with the English names of `emojibase-data` (MIT): 3,786
 * pairs, in the order of the picture package.
 */
export function emojiPairs(): Pair[] {
  const require = createRequire(import.meta.url);
  const pictures = dirname(require.resolve('emoji-datasource-google/package.json'));
  const entries = JSON.parse(readFileSync(join(pictures, 'emoji.json'), 'utf8')) as EmojiPicture[];
  const labels = new Map<string, string>();
  const addLabels = (items: readonly EmojiLabel[]) => {
    for (const { hexcode, label, skins } of items) {
      labels.set(plainCode(hexcode), label);
      if (skins) addLabels(skins);
    }
  };
  addLabels(JSON.parse(readFileSync(require.resolve('emojibase-data/en/data.json'), 'utf8')) as EmojiLabel[]);

  return entries.flatMap((entry) =>
    [entry, ...Object.values(entry.skin_variations ?? {})].flatMap(({ unified, image }) => {
      const id = plainCode(unified);
      const text = labels.get(id);
      if (text === undefined) return [];
      return [{ id, group: plainCode(entry.unified), image: join(pictures, 'img/google/64', image), text }];
    }),
  );
}

/** The two packages disagree on variation selectors, which carry no meaning here. */
function plainCode(code: string): string {
  return code.toUpperCase().replaceAll('-FE0F', '');
}
