import { checkDtype, checkShape, type ImageInput, ShapeError } from '@diptych/core';

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
 * @throws ShapeError that says what to do about another size, channels-first pictures, another dtype, or no tensor
 */
export function checkPixels(where: string, pixels: ImageInput, { height, width, channels }: ExpectedPixels): void {
  if (!Array.isArray((pixels as Partial<ImageInput> | undefined)?.shape)) {
    throw new ShapeError({
      where,
      expected: `pixels as a float32 tensor [B,height,width,${channels}]`,
      got: typeof pixels,
      remedy: 'make one: tf.tensor4d(values, shape)',
    });
  }
  const [, rows, columns, depth] = pixels.shape;
  const wrongSize =
    pixels.shape.length === 4 &&
    depth === channels &&
    ((height !== undefined && rows !== height) || (width !== undefined && columns !== width));
  const remedy = wrongSize
    ? `resize the pictures to ${height}x${width}, or build the encoder for theirs with imageSize`
    : undefined;
  checkShape(where, 'pixels', pixels, ['B', height ?? 'H', width ?? 'W', channels], remedy);
  checkDtype(where, 'pixels', pixels, 'float32');
}
