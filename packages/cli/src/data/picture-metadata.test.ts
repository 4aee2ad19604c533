import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { describedInMetadata } from './picture-metadata.js';

const FILES = join(import.meta.dirname, '__fixtures__/metadata');

// written by exiftool 12.57 and exiv2 0.27.6
it.each([
  ['exif-utf8.jpg', 'Ein Käse, 猫 и дом'],
  ['exif-latin1.jpg', 'Grüße aus Köln'],
  ['windows-title.jpg', 'Ein schöner Tag 猫'],
  ['windows-subject.jpg', 'Betreff ü'],
  ['iptc-utf8.jpg', 'ein grüner Baum 木'],
  ['iptc-latin1.jpg', 'Grüne Wiese'],
  ['iptc-headline.jpg', 'iptc headline'],
  ['xmp-languages.jpg', 'x default cat'],
  ['xmp-japanese.jpg', '猫です'],
  ['comment-exiftool.jpg', '日本語のコメント'],
  ['comment-exiv2.jpg', 'Ein Kommentar 猫'],
  ['keywords.jpg', 'cat, mat'],
  ['alt-text.jpg', 'alt text: a dog'],
  ['camera-and-person.jpg', 'real words'],
  ['xmp.webp', 'webp xmp'],
  ['exif.webp', 'webp exif'],
  ['xmp.png', 'png xmp 猫'],
  ['description.tif', 'tiff description'],
  ['lightroom.jpg', 'sidecar: a blue door'],
  ['darktable.jpg', 'darktable sidecar 門'],
])('%s says %j', async (name, words) => {
  expect(await describedInMetadata(join(FILES, name))).toBe(words);
});

const grey = () => sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } });
const write = (name: string, bytes: Uint8Array) => {
  const path = join(mkdtempSync(join(tmpdir(), 'words-')), name);
  writeFileSync(path, bytes);
  return path;
};

it('passes over what a camera writes, and over files that have none or are broken', async () => {
  const camera = grey().withExif({ IFD0: { ImageDescription: 'OLYMPUS DIGITAL CAMERA' } });
  expect(await describedInMetadata(write('1.jpg', await camera.jpeg().toBuffer()))).toBeUndefined();
  const dots = grey().withExif({ IFD0: { ImageDescription: '...' } });
  expect(await describedInMetadata(write('2.jpg', await dots.jpeg().toBuffer()))).toBeUndefined();
  expect(await describedInMetadata(write('3.png', await grey().png().toBuffer()))).toBeUndefined();
  expect(await describedInMetadata(write('4.jpg', new Uint8Array(10)))).toBeUndefined();
  expect(await describedInMetadata(write('5.webp', new Uint8Array(10)))).toBeUndefined();
  expect(await describedInMetadata('none.jpg')).toBeUndefined();
});

it('reads the picture where the file beside it is broken', async () => {
  const path = write('a.jpg', new Uint8Array());
  copyFileSync(join(FILES, 'exif-utf8.jpg'), path);
  writeFileSync(`${path}.xmp`, '<x:xmpmeta><rdf:RDF');
  expect(await describedInMetadata(path)).toBe('Ein Käse, 猫 и дом');
});
