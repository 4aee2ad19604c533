import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ownWords, wordsOfName } from './own-words.js';

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

it('what metadata say goes before the name', async () => {
  const grey = () => sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } });
  const path = join(mkdtempSync(join(tmpdir(), 'words-')), 'red_house.jpg');
  const described = grey().withExif({ IFD0: { ImageDescription: 'a house by the sea' } });
  writeFileSync(path, await described.jpeg().toBuffer());
  expect(await ownWords(path)).toBe('a house by the sea');
  writeFileSync(path, await grey().jpeg().toBuffer());
  expect(await ownWords(path)).toBe('red house');
});
