import { execFileSync } from 'node:child_process';
import { linkSync, readFileSync, symlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sendRange, serve } from '../../../core/test/flaky-server.js';
import { makeTar, type TarMember } from '../../test/make-tar.js';
import { readAll } from '../../test/read-all.js';
import { storeZstd } from '../../test/store-zstd.js';
import { tempFolder } from '../../test/temp-folder.js';
import { loadImage } from '../load-image.js';
import { webdataset } from './webdataset.js';

const { folder, write } = tempFolder('webdataset');
const picture = (n: number) => Buffer.from(Array.from({ length: 900 }, (_, i) => (i * n) % 256));
const members = (from: number, count: number): TarMember[] =>
  Array.from({ length: count }, (_, i): TarMember[] => [
    [`./${from + i}.jpg`, picture(from + i)],
    [`./${from + i}.txt`, `caption ${from + i}\n`],
    [`./${from + i}.cls`, '3'],
  ]).flat();

describe('webdataset', () => {
  it('reads local shards by reference, compressed ones as bytes, and both as the same pairs', async () => {
    const tar = await makeTar(members(0, 5));
    const files = [write('a.tar', tar), write('a.tar.gz', gzipSync(tar)), write('a.tar.zst', storeZstd(tar))];
    for (const [i, file] of files.entries()) {
      const { records, bad } = await readAll(webdataset(file));
      expect(bad).toEqual([]);
      expect(records.map(({ text, item }) => [text, item])).toEqual([0, 1, 2, 3, 4].map((n) => [`caption ${n}`, n]));
      expect(records[3]).toMatchObject({ id: `${basename(file)}/3`, origin: { file, member: '3.jpg' } });
      expect(records[3]!.image.kind).toBe(i === 0 ? 'slice' : 'bytes');
      const { image, origin } = records[3]!;
      expect(Buffer.from((await loadImage(image, origin, 1000)) as Uint8Array)).toEqual(picture(3));
    }
  });

  it('expands shard patterns; ranks take whole shards', async () => {
    for (const n of [0, 1, 2, 3]) write(`part-00${n}.tar`, await makeTar(members(n * 10, 2)));
    const source = webdataset(`${folder}/part-{000..003}.tar`);
    expect(source.name).toBe('webdataset(part-000.tar, … 4 files)');
    const texts = async (index: number) =>
      (await readAll(source, { shard: { index, count: 2 } })).records.map(({ text }) => text);
    expect(await texts(0)).toEqual(['caption 0', 'caption 1', 'caption 20', 'caption 21']);
    expect(await texts(1)).toEqual(['caption 10', 'caption 11', 'caption 30', 'caption 31']);
  });

  it('reads captions and ids from json, several captions too', async () => {
    const tar = await makeTar([
      ['a.json', '{"caption": ["one", "two"], "id": 9}'],
      ['a.webp', 'x'],
      ['b.png', 'x'],
      ['b.json', '{"title": "three"}'],
    ]);
    const file = write('json.tar', tar);
    const { records, bad } = await readAll(webdataset(file));
    expect(records).toMatchObject([{ id: '9', text: ['one', 'two'], item: 0 }]);
    expect(bad).toMatchObject([{ reason: 'missing-caption', origin: { member: 'b.png' } }]);
    const titled = await readAll(webdataset(file, { fields: { text: 'title' } }));
    expect(titled.records).toMatchObject([{ text: 'three', item: 1 }]);
  });

  it('rejects bad members one by one, and keeps the others', async () => {
    const file = write(
      'bad.tar',
      await makeTar([
        ['/etc/passwd.jpg', 'x'],
        ['/etc/passwd.txt', 'x'],
        ['../up.jpg', 'x'],
        [{ name: 'link.jpg', type: 'symlink', linkname: '/etc/passwd' }],
        ['link.txt', 'a link'],
        ['empty.jpg', ''],
        ['empty.txt', 'empty'],
        ['good.jpg', 'x'],
        ['good.txt', 'good'],
        ['latin.jpg', 'x'],
        ['latin.txt', Buffer.from('caf\xe9', 'latin1')],
        ['twice.jpg', 'x'],
        ['twice.png', 'x'],
        ['twice.txt', 'twice'],
        ['text.txt', 'no image'],
        ['long.jpg', 'x'.repeat(2000)],
        ['json.jpg', 'x'],
        ['json.json', '{"text": '],
        ['none.jpg', 'x'],
        [`${'deep/'.repeat(40)}name.jpg`, 'x'],
        [`${'deep/'.repeat(40)}name.txt`, 'a long name'],
      ]),
    );
    for (const path of [file, write('bad.tar.gz', gzipSync(readFileSync(file)))]) {
      const { records, bad } = await readAll(webdataset(path, { maxImageBytes: 1000 }));
      expect(records.map(({ text }) => text)).toEqual(['good', 'twice', 'a long name']);
      expect(bad.map(({ reason, origin }) => [origin.member, reason])).toEqual([
        ['/etc/passwd.jpg', 'outside-root'],
        ['/etc/passwd.txt', 'outside-root'],
        ['../up.jpg', 'outside-root'],
        ['link.jpg', 'unsupported-member'],
        ['empty.jpg', 'empty-image'],
        ['latin.txt', 'invalid-utf8'],
        ['twice.png', 'unsupported-member'],
        ['long.jpg', 'image-too-large'],
        ['text', 'missing-image'],
        ['json.json', 'malformed-json'],
        ['none.jpg', 'missing-caption'],
      ]);
    }
    await expect(readAll(webdataset(file), { strict: true })).rejects.toThrow(
      `${file}//etc/passwd.jpg: expected a member with a relative name`,
    );
  });

  it('keeps what comes before a cut, says where it is, and goes on with the next shard', async () => {
    const tar = await makeTar(members(0, 5));
    const good = write('z.tar', await makeTar(members(7, 1)));
    for (const cut of [
      tar.subarray(0, 3 * 3 * 1024 + 1500),
      Buffer.concat([tar.subarray(0, 9 * 1024), Buffer.alloc(1024, 7)]),
    ]) {
      const { records, bad } = await readAll(webdataset([write('cut.tar', cut), good]));
      expect(records.at(-1)!.text).toBe('caption 7');
      expect(records[0]!.text).toBe('caption 0');
      expect(bad.map(({ reason }) => reason)).toEqual(['malformed-tar']);
      expect(bad[0]!.message).toMatch(/cut\.tar\/.*at or after this member/);
    }
    const wrong = await readAll(webdataset([write('wrong.tar', '<html>'.repeat(500)), write('none.tar', ''), good]));
    expect(wrong.records.length).toBe(1);
    expect(wrong.bad.map(({ reason }) => reason)).toEqual(['malformed-tar', 'malformed-tar']);
    const gz = await readAll(webdataset([write('cut.tar.gz', gzipSync(tar).subarray(0, 400)), good]));
    expect(gz.bad.map(({ reason }) => reason)).toEqual(['malformed-archive']);
  });

  it('reads remote shards and survives cuts; gives up a shard that stays unreachable', async () => {
    const tar = await makeTar(members(0, 20));
    const server = await serve((request, response) => {
      if (request.url === '/gone.tar') {
        response.writeHead(503).end();
        return;
      }
      const rest = sendRange(request, response, tar);
      response.write(rest.subarray(0, 20_000), () => (rest.length > 20_000 ? response.destroy() : response.end()));
    });
    const http = { backoff: 1, retries: 2 };
    const { records, bad } = await readAll(
      webdataset([`${server.url}/gone.tar`, `${server.url}/good.tar?x=1`], { http }),
    );
    expect(records.map(({ text }) => text)).toEqual(Array.from({ length: 20 }, (_, n) => `caption ${n}`));
    expect(records[19]!.image).toEqual({ kind: 'bytes', bytes: new Uint8Array(picture(19)) });
    expect(bad.map(({ reason }) => reason)).toEqual(['unreachable']);
    await server.close();
  });

  it('takes the member whose whole suffix says so, or the one that is named', async () => {
    const tar = await makeTar([
      ['a.depth.png', 'depth'],
      ['a.jpg', 'photo'],
      ['a.txt', 'short'],
      ['a.long.txt', 'a long caption'],
      ['b.depth.png', 'depth'],
      ['b.txt', 'no photo'],
    ]);
    const file = write('depth.tar', tar);
    const { records, bad } = await readAll(webdataset(file));
    expect(records.map(({ origin, text }) => [origin.member, text])).toEqual([['a.jpg', 'short']]);
    expect(bad[0]!.message).toMatch(/got only .depth.png; name it: members: \{ image: 'depth.png' \}/);
    const named = await readAll(webdataset(file, { members: { image: ['depth.png'], text: ['long.txt', 'txt'] } }));
    expect(named.records.map(({ origin, text }) => [origin.member, text])).toEqual([
      ['a.depth.png', 'a long caption'],
      ['b.depth.png', 'no photo'],
    ]);
    expect(named.bad).toEqual([]);
    expect(() => webdataset(file, { members: { image: [] } })).toThrow('members.image to be suffixes');
  });

  it('passes companions over, wherever they stand', async () => {
    for (const folder of ['', 'photos/', './']) {
      const tar = await makeTar([
        [`${folder}._.DS_Store`, 'fork'],
        [`${folder}.DS_Store`, 'x'],
        [`${folder}._a.jpg`, 'fork'],
        [`${folder}a.jpg`, 'x'],
        [`${folder}._a.txt`, 'fork'],
        [`${folder}a.txt`, 'one'],
        [`__MACOSX/${folder}._a.jpg`, 'fork'],
        ['PaxHeaders.12/a.jpg', 'header'],
        [`${folder}B.JPG`, 'x'],
        [`${folder}B.TXT`, 'two'],
      ]);
      const { records, bad } = await readAll(webdataset(write('mac.tar', tar)));
      expect([records.map(({ text }) => text), bad]).toEqual([['one', 'two'], []]);
    }
  });

  it('reads the formats v7, oldgnu, gnu, ustar and posix, long names, and links to earlier members', async () => {
    const root = `${folder}/in`;
    const long = `${'long-'.repeat(30)}name`;
    for (const name of ['a', 'b']) {
      write(`in/${name}.jpg`, `picture ${name}`);
      write(`in/${name}.txt`, `caption ${name}`);
    }
    linkSync(`${root}/a.jpg`, `${root}/c.jpg`);
    linkSync(`${root}/a.txt`, `${root}/c.txt`);
    symlinkSync('b.jpg', `${root}/d.jpg`);
    write('in/d.txt', 'caption d');
    write(`in/${long}.jpg`, 'picture long');
    write(`in/${long}.txt`, 'caption long');
    for (const format of ['v7', 'oldgnu', 'gnu', 'ustar', 'posix']) {
      const file = `${folder}/${format}.tar`;
      const takesLongNames = format !== 'v7' && format !== 'ustar';
      const names = ['a', 'b', 'c', 'd', ...(takesLongNames ? [long] : [])];
      execFileSync('tar', [
        `--format=${format}`,
        ...['-cf', file, '-C', root],
        ...names.flatMap((name) => [`${name}.jpg`, `${name}.txt`]),
      ]);
      const { records, bad } = await readAll(webdataset(file));
      expect(bad).toEqual([]);
      const contents = await Promise.all(
        records.map(async ({ text, image, origin }) => {
          const picture = (await loadImage(image, origin, 100)) as Uint8Array;
          return [text, Buffer.from(picture).toString()];
        }),
      );
      expect(contents).toEqual([
        ['caption a', 'picture a'],
        ['caption b', 'picture b'],
        ['caption a', 'picture a'],
        ['caption d', 'picture b'],
        ...(takesLongNames ? [['caption long', 'picture long']] : []),
      ]);
    }
  });
});
