import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../test/read-all.js';
import { tempFolder } from '../../test/temp-folder.js';
import { loadImage } from '../load-image.js';
import { folder } from './folder.js';

const { folder: temp, write } = tempFolder('folder');

describe('folder', () => {
  it('pairs images with the text beside them, in the order of names, folders below included', async () => {
    for (const [name, text] of [
      ['b.JPG', ''],
      ['b.txt', 'bee\n\nsecond bee\n'],
      ['a/z.png', ''],
      ['a/z.txt', 'zed'],
      ['notes.md', 'x'],
    ]) {
      write(`good/${name}`, text!);
    }
    const root = join(temp, 'good');
    const { records, bad } = await readAll(folder(root));
    expect(bad).toEqual([]);
    expect(records.map(({ id, item, text }) => [id, item, text])).toEqual([
      ['a/z.png', 0, 'zed'],
      ['b.JPG', 1, ['bee', 'second bee']],
    ]);
    expect((await readAll(folder(root, { recursive: false }))).records.length).toBe(1);
    const whole = await readAll(folder(root, { captions: 'whole' }));
    expect(whole.records[1]!.text).toBe('bee\n\nsecond bee');
    const first = await readAll(folder(root, { captions: 'first' }));
    expect(first.records[1]!.text).toBe('bee');
  });

  it('asks for the caption of a picture that has none, but not behind a link that leads out', async () => {
    for (const name of ['a.png', 'b.png', 'c.png']) write(`asked/${name}`, 'x');
    write('asked/a.txt', 'its own');
    write('asked/empty.png', 'x');
    write('asked/empty.txt', '');
    write('elsewhere.png', 'x');
    symlinkSync(join(temp, 'elsewhere.png'), join(temp, 'asked/link.png'));
    const asked: string[] = [];
    const withoutCaption = (path: string) => {
      asked.push(path.split('/').at(-1)!);
      return path.endsWith('b.png') ? 'a bee' : undefined;
    };
    const { records, bad } = await readAll(folder(join(temp, 'asked'), { captions: 'first', withoutCaption }));
    expect(records.map(({ id, text }) => [id, text])).toEqual([
      ['a.png', 'its own'],
      ['b.png', 'a bee'],
    ]);
    expect(asked).toEqual(['b.png', 'c.png']);
    expect(bad.map(({ origin, reason }) => [origin.file, reason])).toEqual([
      ['c.png', 'missing-caption'],
      ['empty.txt', 'empty-caption'],
      ['link.png', 'outside-root'],
    ]);
  });

  it('rejects what has no partner, empty and broken captions, links that lead out, a missing folder', async () => {
    for (const name of ['lonely.png', 'empty.png', 'latin.png', 'folder.png']) write(`bad/${name}`, 'x');
    write('bad/orphan.txt', 'no image');
    write('bad/empty.txt', '\n \n');
    write('bad/latin.txt', Buffer.from('caf\xe9', 'latin1'));
    mkdirSync(join(temp, 'bad/folder.txt'));
    write('outside.png', 'x');
    symlinkSync(join(temp, 'outside.png'), join(temp, 'bad/link.png'));
    write('bad/link.txt', 'a link');
    write('bad/link2.png', 'x');
    symlinkSync(join(temp, 'outside.png'), join(temp, 'bad/link2.txt'));
    const { records, bad } = await readAll(folder(join(temp, 'bad')));
    expect(bad.map(({ reason, origin }) => [origin.file, reason])).toEqual([
      ['empty.txt', 'empty-caption'],
      ['folder.png', 'missing-caption'],
      ['latin.txt', 'invalid-utf8'],
      ['link2.txt', 'outside-root'],
      ['lonely.png', 'missing-caption'],
      ['orphan.txt', 'missing-image'],
    ]);
    expect(records.map(({ id }) => id)).toEqual(['link.png']);
    await expect(loadImage(records[0]!.image, records[0]!.origin, 10)).rejects.toMatchObject({
      reason: 'outside-root',
    });
    expect((await readAll(folder(join(temp, 'nowhere')))).bad).toMatchObject([{ reason: 'missing-file' }]);
    const open = await readAll(folder(join(temp, 'bad'), { allowOutsideRoot: true }));
    expect(open.records.map(({ id }) => id)).toEqual(['link.png', 'link2.png']);
  });

  it('passes companions over, takes upper-case suffixes, both ways to write an accent, and a .json for the caption', async () => {
    for (const [name, content] of [
      ['IMG_1.PNG', ''],
      ['IMG_1.TXT', 'one'],
      ['caf\u00e9.png', ''],
      ['cafe\u0301.txt', 'two'],
      ['three.jpg', ''],
      ['three.json', '{"caption": "three", "score": NaN, "group": "c"}'],
      ['._IMG_1.PNG', 'fork'],
      ['._IMG_1.TXT', 'fork'],
      ['.DS_Store', 'x'],
      ['Thumbs.db', 'x'],
      ['__MACOSX/._three.jpg', 'fork'],
      ['@eaDir/three.jpg/SYNOPHOTO_THUMB.jpg', 'x'],
    ] as const) {
      write(`found/${name}`, content);
    }
    const { records, bad } = await readAll(folder(join(temp, 'found'), { labels: { group: 'class' } }));
    expect(bad).toEqual([]);
    expect(records.map(({ id, text, labels }) => [id.normalize('NFC'), text, labels])).toEqual([
      ['IMG_1.PNG', 'one', {}],
      ['caf\u00e9.png', 'two', {}],
      ['three.jpg', 'three', { group: 'c' }],
    ]);
  });
});
