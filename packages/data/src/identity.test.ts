import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { serve } from '../../core/test/flaky-server.js';
import { makeTar } from '../test/make-tar.js';
import { readAll } from '../test/read-all.js';
import { tempFolder } from '../test/temp-folder.js';
import { csv, jsonl, mix, type PairSource, pairs, parquet, webdataset } from './index.js';

const { folder, write } = tempFolder('identity');
const idsOf = async (source: PairSource) => (await readAll(source)).records.map(({ id }) => id);
const lines = (...rows: object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('ids', () => {
  it('are the way to the picture from the folder that all files share', async () => {
    const rows = lines(
      { image: '0.png', text: 'a' },
      { image: './0.png', text: 'b' },
      { image: 'x/../0.png', text: 'c' },
    );
    const files = ['north', 'south'].map((name) => write(`${name}/pairs.jsonl`, rows));
    expect(await idsOf(jsonl(files[0]!))).toEqual(['0.png', '0.png', '0.png']);
    expect(await idsOf(jsonl(files))).toEqual([...Array(3).fill('north/0.png'), ...Array(3).fill('south/0.png')]);
    // Two lists of one folder's pictures: the same picture is the same item.
    const [train, val] = ['train', 'val'].map((name) => write(`one/${name}.csv`, 'image,text\n0.png,a\n'));
    expect(await idsOf(csv([train!, val!]))).toEqual(['0.png', '0.png']);
    expect(await idsOf(jsonl(files, { root: folder }))).toEqual(Array(6).fill('0.png'));
  });

  it('that the user wrote belong to their file, unless they are said to be shared', async () => {
    const files = [0, 1].map((n) => write(`shard-${n}.jsonl`, lines({ image: `${n}.png`, text: 'a', id: 7 })));
    expect(await idsOf(jsonl(files[0]!))).toEqual(['7']);
    expect(await idsOf(jsonl(files))).toEqual(['shard-0.jsonl#7', 'shard-1.jsonl#7']);
    expect(await idsOf(jsonl(files, { sharedIds: true }))).toEqual(['7', '7']);
    const parts = files.map((file) => ({ source: jsonl(file), weight: 1 }));
    expect(new Set(await idsOf(mix(parts, { until: 'all' })))).toEqual(new Set(['0/7', '1/7']));
    expect(new Set(await idsOf(mix(parts, { until: 'all', sharedIds: true })))).toEqual(new Set(['7']));
  });

  it('keep all digits and zeros', async () => {
    const big = ['9007199254740993', '9007199254740992', '-9223372036854775808', '18446744073709551615'];
    const rows = big.map((id) => `{"image":"a.png","text":"t","id":${id}}\n`).join('');
    expect(await idsOf(jsonl(write('big.jsonl', rows)))).toEqual(big);
    const table = `image,text,id\n${['007', '7', '7.0', ...big].map((id) => `a.png,t,${id}\n`).join('')}`;
    expect(await idsOf(csv(write('big.csv', table)))).toEqual(['007', '7', '7.0', ...big]);
    const int64 = big.slice(0, 3).map(BigInt);
    const bytes = parquetWriteBuffer({
      columnData: [
        { name: 'image', data: int64.map(() => 'a.png'), type: 'STRING' },
        { name: 'text', data: int64.map(() => 't'), type: 'STRING' },
        { name: 'id', data: int64, type: 'INT64' },
      ],
    });
    expect(await idsOf(parquet(write('big.parquet', new Uint8Array(bytes))))).toEqual(big.slice(0, 3));
    const tar = await makeTar(
      big.flatMap((id, i) => [
        [`${i}.png`, 'x'],
        [`${i}.json`, `{"text":"t","id":${id}}`],
      ]),
    );
    expect(await idsOf(webdataset(write('big.tar', tar)))).toEqual(big);
    const image = { data: new Uint8Array(3), width: 1, height: 1 };
    const given = pairs([1, 2n ** 60n, 2 ** 60].map((id) => ({ image, text: 't', id })));
    expect(await idsOf(given)).toEqual(['1', '1152921504606846976']);
    expect((await readAll(given)).bad).toMatchObject([{ reason: 'wrong-type', origin: { row: 2 } }]);
  });

  it('of rounded numbers are refused where the user named the field, passed over where not', async () => {
    const file = write('rounded.jsonl', '{"image":"a.png","text":"t","id":1e17,"key":1e17}\n');
    expect(await idsOf(jsonl(file))).toEqual(['a.png']);
    const { bad } = await readAll(jsonl(file, { fields: { id: 'key' } }));
    expect(bad).toMatchObject([{ reason: 'wrong-type' }]);
    expect(await idsOf(jsonl(write('nan.jsonl', '{"image":"a.png","text":"t","id":NaN}\n')))).toEqual(['a.png']);
  });

  it('of archives count per shard, and joined archives do not mix theirs up', async () => {
    const tar = (text: string) =>
      makeTar([
        ['000.png', 'x'],
        ['000.txt', text],
        ['001.png', 'x'],
        ['001.txt', text],
      ]);
    const files = [write('a.tar', await tar('a')), write('b.tar', await tar('b'))];
    expect(await idsOf(webdataset(files[0]!))).toEqual(['a.tar/000', 'a.tar/001']);
    expect(await idsOf(webdataset(files))).toEqual(['a.tar/000', 'a.tar/001', 'b.tar/000', 'b.tar/001']);
    const joined = write('joined.tar', Buffer.concat([await tar('a'), await tar('b')]));
    expect(await idsOf(webdataset(joined))).toEqual([
      'joined.tar/000',
      'joined.tar/001',
      'joined.tar/000@2',
      'joined.tar/001@3',
    ]);
  });

  it('of bytes with a name are the name and the bytes: a name alone is nobody', async () => {
    const image = [
      { bytes: Uint8Array.of(1), path: 'image.jpg' },
      { bytes: Uint8Array.of(2), path: 'image.jpg' },
      { bytes: Uint8Array.of(1), path: 'image.jpg' },
    ];
    const bytes = parquetWriteBuffer({
      schema: [
        { name: 'root', num_children: 2 },
        { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
        { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
        { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      ],
      columnData: [
        { name: 'image', data: image },
        { name: 'text', data: ['a', 'b', 'c'] },
      ],
    });
    const [a, b, c] = await idsOf(parquet(write('hub.parquet', new Uint8Array(bytes))));
    expect(a).toMatch(/^image\.jpg@/);
    expect(a).toBe(c);
    expect(a).not.toBe(b);
  });

  it('of pairs from code: however a path is written, it is one picture', async () => {
    const image = { data: new Uint8Array(3), width: 1, height: 1 };
    const source = pairs([
      { image: 'a.jpg', text: 't' },
      { image: './a.jpg', text: 't' },
      { image: `${process.cwd()}/a.jpg`, text: 't' },
      { image: new URL(`file://${process.cwd()}/a.jpg`), text: 't' },
      { image, text: 't' },
    ]);
    expect(await idsOf(source)).toEqual(['a.jpg', 'a.jpg', 'a.jpg', 'a.jpg', 'pairs[4]']);
  });

  it('hold no signature of an address, nor do messages; addresses that differ in their query alone are apart', async () => {
    const tar = gzipSync(
      await makeTar([
        ['0.png', 'x'],
        ['0.txt', 't'],
        ['1.png', 'x'],
      ]),
    );
    const { url } = await serve((request, response) => {
      response.writeHead(request.url!.includes('gone') ? 403 : 200).end(tar);
    });
    const read = async (files: string[]) => {
      const source = webdataset(files, { http: { retries: 0 } });
      const { records, bad } = await readAll(source);
      return {
        records,
        text: JSON.stringify([source.name, records, bad, bad.map(({ message, where }) => [message, where])]),
      };
    };
    const signed = [1, 2].map((n) => `${url}/bucket/shard.tar.gz?part=${n}&X-Signature=secret`);
    const { records, text } = await read(signed);
    expect(records.map(({ id }) => id)).toEqual(['shard.tar.gz/0', 'shard.tar.gz%231/0']);
    expect(text).not.toContain('secret');
    const withUser = url.replace('//', '//user:secret@');
    const asUser = await read([`${withUser}/bucket/shard.tar.gz?sig=secret`]);
    expect(asUser.records).toHaveLength(1);
    expect(asUser.text).not.toContain('secret');
    for (const file of [
      `${withUser}/gone.tar?sig=secret`,
      `${url}/gone.tar?sig=secret`,
      'http://127.0.0.1:1/x.tar?sig=secret',
    ]) {
      const failed = await read([file]);
      expect(failed.text).not.toContain('secret');
      expect(failed.text).toContain('unreachable');
    }
  });
});
