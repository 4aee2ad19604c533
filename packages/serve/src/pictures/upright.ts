import sharp, { type Metadata } from 'sharp';

/**
 * A picture as people see it: turned as its EXIF data say. Models read the pixels as they lie in the file, as PIL and torchvision do, so that
 * photographs of a phone that was held upright would lie on their side.
 *
 * @param about of the picture, where its head was read already
 * @returns the same bytes where nothing is to be turned, or the head cannot be read
 */
export async function upright(bytes: Uint8Array, about?: Pick<Metadata, 'orientation'>): Promise<Uint8Array> {
  const options = { limitInputPixels: false, failOn: 'none' } as const;
  const { orientation = 1 } =
    about ??
    (await sharp(bytes, options)
      .metadata()
      .catch(() => ({}) as Metadata));
  if (orientation === 1) return bytes;
  const turned = sharp(bytes, { failOn: 'none' }).autoOrient().jpeg({ quality: 100, chromaSubsampling: '4:4:4' });
  return turned.toBuffer().catch(() => bytes); // what is damaged is said by who decodes it
}
