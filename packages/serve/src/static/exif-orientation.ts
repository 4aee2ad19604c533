/** EXIF 2.32, 4.6.4: tag 0x0112. */
const ORIENTATION = 0x0112;
const [APP1, START_OF_SCAN] = [0xe1, 0xda];

/** How a JPEG's EXIF says that it is to be turned, 1 to 8; 1 for a picture that is no JPEG or does not say. */
export function exifOrientation(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0xffd8) return 1;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== START_OF_SCAN; ) {
    const size = view.getUint16(at + 2);
    const end = Math.min(at + 2 + size, bytes.length);
    // Exif, two zeros, then a TIFF
    const isExif = bytes[at + 1] === APP1 && at + 18 <= end && view.getUint32(at + 4) === 0x45786966;
    if (isExif) return fromTiff(new DataView(bytes.buffer, bytes.byteOffset + at + 10, end - at - 10));
    at += 2 + size;
  }
  return 1;
}

function fromTiff(tiff: DataView): number {
  const little = tiff.getUint16(0) === 0x4949;
  const directory = tiff.getUint32(4, little);
  if (directory + 2 > tiff.byteLength) return 1;
  const entries = tiff.getUint16(directory, little);
  for (let i = 0, at = directory + 2; i < entries && at + 12 <= tiff.byteLength; i++, at += 12) {
    if (tiff.getUint16(at, little) !== ORIENTATION) continue;
    const value = tiff.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
