import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

const COLOURS = { red: [220, 40, 40], green: [40, 180, 60], blue: [50, 60, 220] } as const;
const SHADES = { dark: 0.5, light: 1.1 } as const;

/** A folder of plain squares, `dark red square` in a text file beside each: `count` of each colour and shade. */
export async function squares(folder: string, count: number): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const [shade, factor] of Object.entries(SHADES)) {
    for (const [colour, rgb] of Object.entries(COLOURS)) {
      for (let i = 0; i < count; i++) {
        const [r, g, b] = rgb.map((value) => Math.min(255, Math.round(value * factor) + 3 * i));
        const image = sharp({ create: { width: 20, height: 14 + i, channels: 3, background: { r, g, b } } });
        writeFileSync(join(folder, `${shade}-${colour}-${i}.png`), await image.png().toBuffer());
        writeFileSync(join(folder, `${shade}-${colour}-${i}.txt`), `a ${shade} ${colour} square\n`);
      }
    }
  }
  return folder;
}
