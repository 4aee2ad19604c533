/** Names that count as pictures. */
export const IMAGE_NAME = /\.(jpe?g|png|webp|avif|gif|tiff?|bmp)$/i;

/** Suffixes (after the first dot, in small letters) that count as pictures in an archive. */
export const IMAGE_SUFFIX = /^(jpe?g|png|webp|avif|gif|tiff?|bmp)$/;

/**
 * True for what systems put beside the files that a person keeps: AppleDouble forks and .DS_Store of macOS, thumbnails of
 * Windows and Synology, headers that an old tar made into files.
 */
export function isCompanion(path: string): boolean {
  return path.split(/[\\/]/).some((part) => COMPANION.test(part));
}

const COMPANION =
  /^(\._.*|\.DS_Store|\.AppleDouble|__MACOSX|Thumbs\.db|ehthumbs\.db|desktop\.ini|@eaDir|\.ipynb_checkpoints|PaxHeaders?(\..*)?)$/i;
