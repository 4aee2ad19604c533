import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import {
  type BadReason,
  csv,
  folder,
  iterable,
  jsonl,
  type PairSource,
  pairs,
  parquet,
  webdataset,
} from '../src/index.js';
import { makeTar } from './make-tar.js';
import { blackPng, PNG_SIGNATURE, pngChunk, pngHeader } from './png.js';
import { bombZstd, storeZstd } from './store-zstd.js';

/** A source with something bad in it. */
export interface BadSource {
  readonly name: string;
  readonly source: PairSource;
  /** Why each bad item is rejected, sorted. */
  readonly reasons: readonly BadReason[];
  /** Pairs that are good all the same. */
  readonly good: number;
  /** What the error's place must name. */
  readonly where: RegExp;
}

/**
 * Writes every kind of bad input that we know into a folder: images that are no images, tables and archives that break
 * off, paths that lead out. Nearly all lie between two good pairs, which have to come through.
 */
export async function makeCorpus(root: string): Promise<BadSource[]> {
  const write = (path: string, content: string | Uint8Array): string => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  };
  const photo = sharp({ create: { width: 64, height: 48, channels: 3, background: '#c84' } });
  const jpeg = await photo.clone().jpeg().toBuffer();
  const png = await photo.clone().png().toBuffer();
  const webp = await photo.clone().webp().toBuffer();
  const gif = await photo.clone().gif().toBuffer();
  const tiff = await photo.clone().tiff({ compression: 'none' }).toBuffer();
  const avif = await photo.clone().avif().toBuffer();
  write('good.jpg', jpeg);
  const corpus: BadSource[] = [];

  // Images: a line of a JSONL file each, between two good ones.
  const line = (image: string, text = 'a caption') => `${JSON.stringify({ image, text })}\n`;
  const image = (name: string, reason: BadReason, path = name) => {
    const file = write(`${name}.jsonl`, line('good.jpg') + line(path) + line('good.jpg'));
    corpus.push({ name, source: jsonl(file), reasons: [reason], good: 2, where: /\.jsonl:2$/ });
  };
  const badImage = (name: string, content: string | Uint8Array) => {
    write(name, content);
    image(name, 'undecodable-image');
  };
  badImage('truncated.jpg', jpeg.subarray(0, jpeg.length >> 1));
  badImage('truncated.png', png.subarray(0, png.length - 30));
  badImage('truncated.webp', webp.subarray(0, webp.length >> 1));
  badImage('truncated.tiff', tiff.subarray(0, tiff.length >> 1));
  badImage('truncated.avif', avif.subarray(0, avif.length >> 1));
  badImage('header.gif', gif.subarray(0, 13));
  badImage('start.jpg', Uint8Array.of(0xff, 0xd8));
  badImage('bomb.png', blackPng(50_000, 50_000, 4));
  const bigJpeg = Buffer.from(jpeg);
  const frame = bigJpeg.indexOf(Buffer.from([0xff, 0xc0]));
  bigJpeg.writeUInt16BE(65_500, frame + 5);
  bigJpeg.writeUInt16BE(65_500, frame + 7);
  badImage('bomb.jpg', bigJpeg);
  const bigGif = Buffer.from(gif);
  bigGif.writeUInt16LE(65_535, 6);
  bigGif.writeUInt16LE(65_535, 8);
  const descriptor = bigGif.indexOf(Buffer.from([0x2c, 0, 0, 0, 0, 64, 0, 48, 0]));
  bigGif.writeUInt16LE(65_535, descriptor + 5);
  bigGif.writeUInt16LE(65_535, descriptor + 7);
  badImage('bomb.gif', bigGif);
  badImage('html.jpg', '<!DOCTYPE html><html><body>404 Not Found</body></html>');
  badImage('external.svg', svg());
  badImage('svg.jpg', svg());
  badImage('text.png', 'just text, and no picture at all');
  badImage('random.webp', Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i * 31 + 7) % 256)));
  badImage('document.jpg', '%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n');
  badImage('archive.png', Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(100)]));
  badImage(
    'no-width.png',
    Buffer.concat([PNG_SIGNATURE, pngChunk('IHDR', pngHeader(0, 10)), pngChunk('IEND', Buffer.alloc(0))]),
  );
  badImage(
    'chunk-length.png',
    Buffer.concat([
      PNG_SIGNATURE,
      pngChunk('IHDR', pngHeader(8, 8)),
      pngChunk('IDAT', deflateSync(Buffer.alloc(200)), { length: 0xfffffff0 }),
    ]),
  );
  badImage(
    'no-data.png',
    Buffer.concat([PNG_SIGNATURE, pngChunk('IHDR', pngHeader(8, 8)), pngChunk('IEND', Buffer.alloc(0))]),
  );
  write('zero.jpg', '');
  image('zero.jpg', 'empty-image');
  image('missing.jpg', 'missing-file');
  mkdirSync(join(root, 'folder.jpg'));
  image('folder.jpg', 'unreadable-file');
  write('huge.jpg', '');
  image('up', 'outside-root', '../good.jpg');
  image('absolute', 'outside-root', '/etc/hostname');
  image('file-url', 'outside-root', 'file:///etc/hostname');
  image('remote', 'remote-image', 'https://example.org/cat.jpg');
  image('zero-byte', 'missing-image', 'good\0.jpg');
  image('empty-path', 'missing-image', '');
  image('long-path', 'unreadable-file', `${'x'.repeat(5000)}.jpg`);
  symlinkSync('/etc/hostname', join(root, 'link-out.jpg'));
  image('link-out.jpg', 'outside-root');
  symlinkSync('nowhere.jpg', join(root, 'link-dangling.jpg'));
  image('link-dangling.jpg', 'missing-file');
  symlinkSync('link-loop.jpg', join(root, 'link-loop.jpg'));
  image('link-loop.jpg', 'unreadable-file');

  // Lines of JSONL.
  const lines = (name: string, reason: BadReason, content: string | Uint8Array, where = /\.jsonl:2$/) => {
    const file = write(
      `lines-${name}.jsonl`,
      Buffer.concat([Buffer.from(line('good.jpg')), Buffer.from(content), Buffer.from(`\n${line('good.jpg')}`)]),
    );
    corpus.push({ name: `line: ${name}`, source: jsonl(file), reasons: [reason], good: 2, where });
  };
  lines('malformed', 'malformed-json', '{"image": "good.jpg", "text": "no end');
  lines('nested', 'malformed-json', '['.repeat(200_000));
  lines('binary', 'invalid-utf8', jpeg.subarray(0, 8));
  lines('latin', 'invalid-utf8', Buffer.from('{"image": "good.jpg", "text": "caf\xe9"}', 'latin1'));
  lines('surrogate', 'lone-surrogate', '{"image": "good.jpg", "text": "half \\udc00"}');
  lines('no text', 'missing-key', '{"image": "good.jpg"}');
  lines('null', 'missing-key', '{"image": null, "text": "x"}');
  lines('prototype', 'missing-key', '{"__proto__": {"image": "good.jpg", "text": "x"}}');
  lines('number', 'wrong-type', '{"image": "good.jpg", "text": 3}');
  lines('string', 'wrong-type', '"good.jpg"');
  lines('empty', 'empty-caption', '{"image": "good.jpg", "text": " \\n "}');
  lines('no captions', 'empty-caption', '{"image": "good.jpg", "text": []}');
  lines('10 MB', 'caption-too-long', JSON.stringify({ image: 'good.jpg', text: 'word '.repeat(2_000_000) }));
  lines('17 MB', 'line-too-long', 'x'.repeat(17 * 2 ** 20));

  // Whole files.
  const file = (
    name: string,
    source: PairSource,
    reasons: readonly BadReason[],
    good: number,
    where: RegExp = new RegExp(`${name}$`),
  ) => corpus.push({ name, source, reasons, good, where });
  const utf16 = Buffer.from(line('good.jpg'), 'utf16le');
  file('utf16.jsonl', jsonl(write('utf16.jsonl', utf16)), ['invalid-utf8'], 0);
  file('nothing.jsonl', jsonl(write('nothing.jsonl', '\n\n')), ['no-pairs'], 0);
  file('zero.jsonl', jsonl(write('zero.jsonl', '')), ['no-pairs'], 0);
  file('header.csv', csv(write('header.csv', 'image,text\n')), ['no-pairs'], 0);
  file(
    'gone.jsonl',
    jsonl([join(root, 'gone.jsonl'), write('after-gone.jsonl', line('good.jpg'))]),
    ['missing-file'],
    1,
  );
  const bomb = gzipSync(Buffer.concat([Buffer.from(line('good.jpg')), Buffer.alloc(200 * 2 ** 20, 'x')]));
  file('bomb.jsonl.gz', jsonl(write('bomb.jsonl.gz', bomb)), ['line-too-long'], 1, /bomb.jsonl.gz:2$/);
  const zstBomb = bombZstd(Buffer.from(line('good.jpg')), 200);
  file('bomb.jsonl.zst', jsonl(write('bomb.jsonl.zst', zstBomb)), ['line-too-long'], 1, /bomb.jsonl.zst:2$/);
  const many = gzipSync(Array.from({ length: 200 }, (_, i) => line('good.jpg', `caption ${i * i}`)).join(''));
  const cut = write('cut.jsonl.gz', many.subarray(0, many.length - 40));
  file('cut.jsonl.gz', jsonl(cut), ['malformed-archive'], -1);
  const flipped = Buffer.from(many);
  flipped[flipped.length - 6]! ^= 0xff;
  file('sum.jsonl.gz', jsonl(write('sum.jsonl.gz', flipped)), ['malformed-archive'], -1);
  const zst = storeZstd(Buffer.from(line('good.jpg').repeat(100)));
  file('cut.jsonl.zst', jsonl(write('cut.jsonl.zst', zst.subarray(0, 3000))), ['malformed-archive'], -1);
  const quoted = 'image,text\ngood.jpg,one\ngood.jpg,"two\ngood.jpg,three\n';
  file('quote.csv', csv(write('quote.csv', quoted)), ['malformed-csv'], 2, /quote.csv:3$/);
  file('fields.csv', csv(write('fields.csv', 'image,text\ngood.jpg,a,b\ngood.jpg,c\n')), ['malformed-csv'], 1, /:2$/);
  file(
    'binary.csv',
    csv(write('binary.csv', Buffer.concat([Buffer.from('image,text\n'), jpeg.subarray(0, 20)]))),
    ['invalid-utf8'],
    0,
    /binary.csv:2$/,
  );
  file('columns.csv', csv(write('columns.csv', 'url,alt\ngood.jpg,c\n')), ['missing-key'], 0, /columns.csv:2$/);

  const table = Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: 'image', data: [new Uint8Array(jpeg), Uint8Array.of(1, 2), new Uint8Array(png)], type: 'BYTE_ARRAY' },
        { name: 'text', data: ['one', 'two', 'three'], type: 'STRING' },
      ],
      codec: 'UNCOMPRESSED',
    }),
  );
  file('image.parquet', parquet(write('image.parquet', table)), ['undecodable-image'], 2, /image.parquet\[1\]$/);
  file('cut.parquet', parquet(write('cut.parquet', table.subarray(0, table.length >> 1))), ['malformed-parquet'], 0);
  const footer = Buffer.from(table);
  footer.writeUInt32LE(0x7fffffff, footer.length - 8);
  file('footer.parquet', parquet(write('footer.parquet', footer)), ['malformed-parquet'], 0);

  const good = [
    ['good.jpg', jpeg],
    ['good.txt', 'good'],
  ] as const;
  const tar = await makeTar([...good, ['b.jpg', jpeg], ['b.txt', 'b']]);
  const shard = async (
    name: string,
    reasons: readonly BadReason[],
    members: Parameters<typeof makeTar>[0],
    where: RegExp,
  ) => file(name, webdataset(write(name, await makeTar([...members, ...good]))), reasons, 1, where);
  await shard(
    'absolute.tar',
    ['outside-root', 'outside-root'],
    [
      ['/a.jpg', jpeg],
      ['/a.txt', 'x'],
    ],
    /tar\/\/a\.(jpg|txt)$/,
  );
  await shard('up.tar', ['outside-root'], [['../a.jpg', jpeg]], /\.\.\/a\.jpg$/);
  await shard(
    'link.tar',
    ['unsupported-member'],
    [[{ name: 'a.jpg', type: 'symlink', linkname: '/etc/hostname' }], ['a.txt', 'x']],
    /a\.jpg$/,
  );
  await shard(
    'image.tar',
    ['undecodable-image'],
    [
      ['a.jpg', 'no image'],
      ['a.txt', 'x'],
    ],
    /image.tar\/a\.jpg$/,
  );
  await shard('lonely.tar', ['missing-caption'], [['a.jpg', jpeg]], /a\.jpg$/);
  file('cut.tar', webdataset(write('cut.tar', tar.subarray(0, 2600))), ['malformed-tar'], 1, /cut.tar\/b.jpg$/);
  const huge = Buffer.from(tar);
  huge.write('77777777777', 124, 'latin1');
  file(
    'border.tar',
    webdataset(write('border.tar', tar.subarray(0, tar.length - 1024))),
    ['malformed-tar'],
    2,
    /b.txt$/,
  );
  const labels = await makeTar([['a.cls', '1']]);
  file('labels.tar', webdataset(write('labels.tar', labels)), ['no-pairs'], 0);
  file('size.tar', webdataset(write('size.tar', huge)), ['malformed-tar'], 0, /size.tar/);
  file('html.tar', webdataset(write('html.tar', '<html>'.repeat(300))), ['malformed-tar'], 0);
  file('empty.tar', webdataset(write('empty.tar', '')), ['malformed-tar'], 0);
  file('cut.tar.gz', webdataset(write('cut.tar.gz', gzipSync(tar).subarray(0, 300))), ['malformed-archive'], -1);

  write('beside/a.jpg', jpeg);
  write('beside/a.txt', 'good');
  write('beside/b.jpg', jpeg);
  write('beside/c.txt', 'c');
  file('beside', folder(join(root, 'beside')), ['missing-caption', 'missing-image'], 1, /^(b.jpg|c.txt)$/);
  mkdirSync(join(root, 'vacant'));
  file('vacant', folder(join(root, 'vacant')), ['no-pairs'], 0);
  const nothing = { text: 'no image' } as unknown as { image: string; text: string };
  file(
    'memory',
    pairs([{ image: jpeg, text: 'good' }, nothing], { name: 'memory' }),
    ['wrong-type'],
    1,
    /memory\[1\]$/,
  );
  const generated = [null as unknown as typeof nothing, { image: jpeg, text: 'good' }];
  file(
    'generator',
    iterable(() => generated, { name: 'generator' }),
    ['wrong-type'],
    1,
    /generator\[0\]$/,
  );
  return corpus;
}

function svg(): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="10">
    <image xlink:href="file:///etc/hostname" width="10" height="10"/><image xlink:href="http://127.0.0.1:1/x.png"/></svg>`;
}
