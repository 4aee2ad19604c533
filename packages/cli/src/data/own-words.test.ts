import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { describedInMetadata, ownWords, wordsOfName } from './own-words.js';

describe('wordsOfName', () => {
  it.each([
    ['two_cats-on-a-sofa-03.jpg', 'two cats on a sofa'],
    ['pictures/redPanda.png', 'red Panda'],
    ['Käse auf Brot (2).JPG', 'Käse auf Brot'],
    ['猫.png', '猫'],
    ['apple.v2.webp', 'apple'],
    ['photo of a cat.jpg', 'photo of a cat'],
  ])('%s', (path, words) => expect(wordsOfName(path)).toBe(words));

  it.each([
    'IMG_1234.jpg',
    'DSC00017.JPG',
    'PXL_20240501_101112345.jpg',
    '0001.png',
    'd41d8cd98f00b204e9800998ecf8427e.jpg',
    '550e8400-e29b-41d4-a716-446655440000.png',
    'Screenshot 2024-05-01 at 10.11.12.png',
    'WhatsApp Image 2024-05-01.jpeg',
    '_.png',
  ])('%s says nothing', (path) => expect(wordsOfName(path)).toBeUndefined());
});

describe('describedInMetadata', () => {
  const grey = () => sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } });
  const write = (name: string, bytes: Uint8Array) => {
    const path = join(mkdtempSync(join(tmpdir(), 'words-')), name);
    writeFileSync(path, bytes);
    return path;
  };
  const jpegSaying = (ImageDescription: string) => grey().withExif({ IFD0: { ImageDescription } }).jpeg().toBuffer();
  const xmp = (text: string) =>
    `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt><rdf:li xml:lang="x-default">${text}</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>`;

  it('reads EXIF and XMP', async () => {
    expect(await describedInMetadata(write('1.jpg', await jpegSaying('a cat asleep')))).toBe('a cat asleep');
    const described = await grey().withXmp(xmp('a dog in the snow')).jpeg().toBuffer();
    expect(await describedInMetadata(write('2.jpg', described))).toBe('a dog in the snow');
  });

  it('passes over what a camera writes, and over files that have none', async () => {
    expect(await describedInMetadata(write('1.jpg', await jpegSaying('OLYMPUS DIGITAL CAMERA')))).toBeUndefined();
    expect(await describedInMetadata(write('3.png', await grey().png().toBuffer()))).toBeUndefined();
    expect(await describedInMetadata(write('4.jpg', new Uint8Array(10)))).toBeUndefined();
    expect(await describedInMetadata('none.jpg')).toBeUndefined();
  });

  it('goes before the name', async () => {
    expect(await ownWords(write('red_house.jpg', await jpegSaying('a house by the sea')))).toBe('a house by the sea');
    expect(await ownWords(write('red_house.png', await grey().png().toBuffer()))).toBe('red house');
  });
});
