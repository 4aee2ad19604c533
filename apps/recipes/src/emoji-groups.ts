import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

interface EmojiEntry {
  readonly hexcode: string;
  readonly group?: number;
  readonly skins?: readonly EmojiEntry[];
}

/** Emojibase's group of each emoji (`food-drink`) by its code points, as the example names its pairs; variants have their parent's. */
export function emojiGroups(): ReadonlyMap<string, string> {
  const require = createRequire(import.meta.url);
  const read = (path: string): unknown => JSON.parse(readFileSync(require.resolve(`emojibase-data/${path}`), 'utf8'));
  const { groups: names } = read('meta/groups.json') as { readonly groups: Readonly<Record<string, string>> };
  const groups = new Map<string, string>();
  const add = (entries: readonly EmojiEntry[], inherited?: number) => {
    for (const { hexcode, group = inherited, skins = [] } of entries) {
      if (group !== undefined) groups.set(hexcode.toUpperCase().replaceAll('-FE0F', ''), names[group]!);
      add(skins, group);
    }
  };
  add(read('en/data.json') as EmojiEntry[]);
  return groups;
}
