import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

interface EmojiLabel {
  readonly hexcode: string;
  readonly tags?: readonly string[];
  readonly skins?: readonly EmojiLabel[];
}

/** Tags of each emoji by its code points, as the example names its pairs; variants have their parent's. */
export function emojiTags(): ReadonlyMap<string, readonly string[]> {
  const require = createRequire(import.meta.url);
  const tags = new Map<string, readonly string[]>();
  const add = (items: readonly EmojiLabel[], inherited: readonly string[] = []) => {
    for (const { hexcode, tags: own = inherited, skins = [] } of items) {
      tags.set(plain(hexcode), own);
      add(skins, own);
    }
  };
  add(JSON.parse(readFileSync(require.resolve('emojibase-data/en/data.json'), 'utf8')) as EmojiLabel[]);
  return tags;
}

function plain(code: string): string {
  return code.toUpperCase().replaceAll('-FE0F', '');
}
