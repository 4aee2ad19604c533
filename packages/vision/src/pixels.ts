import { checkShape, type ImageInput } from '@diptych/core';

/** The sizes that an encoder takes; height and width are free where it does not say. */
export interface ExpectedPixels {
  readonly height?: number;
  readonly width?: number;
  readonly channels: number;
}

/**
 * Checks a batch of pictures, channels last.
 *
 * @param where the encoder, e.g. `vision.resnet50`
 * @throws ShapeError that says what to do about another size or channels-first pictures
 */
export function checkPixels(where: string, pixels: ImageInput, { height, width, channels }: ExpectedPixels): void {
  const [, rows, columns, depth] = pixels.shape;
  const wrongSize =
    pixels.shape.length === 4 &&
    depth === channels &&
    ((height !== undefined && rows !== height) || (width !== undefined && columns !== width));
  const remedy = wrongSize
    ? `resize the pictures to ${height}x${width}, or build the encoder for theirs with imageSize`
    : undefined;
  checkShape(where, 'pixels', pixels, ['B', height ?? 'H', width ?? 'W', channels], remedy);
}
