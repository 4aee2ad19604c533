import type { RgbImage } from '@diptych/core';

/** Output pixel (x, y) shows the source at (a x + b y + c, d x + e y + f). */
export type AffineMatrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * PIL's `Image.transform(size, AFFINE, matrix, NEAREST, fillcolor)`, byte for byte: positions of pixel centres in 16.16 fixed
 * point, or added up in double precision where nothing is rotated or sheared.
 */
export function affineNearest(
  image: RgbImage,
  matrix: AffineMatrix,
  fill: readonly [number, number, number],
): RgbImage {
  const { height, width } = image;
  const data = new Uint8Array(image.data.length);
  const locate = matrix[1] === 0 && matrix[3] === 0 ? scaledPositions(matrix) : fixedPositions(matrix);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const column = locate.column(x, y);
      const row = locate.row(x, y);
      const inside = column >= 0 && column < width && row >= 0 && row < height;
      const from = (row * width + column) * 3;
      data[to] = inside ? image.data[from]! : fill[0];
      data[to + 1] = inside ? image.data[from + 1]! : fill[1];
      data[to + 2] = inside ? image.data[from + 2]! : fill[2];
    }
  }
  return { data, height, width };
}

interface Positions {
  column(x: number, y: number): number;
  row(x: number, y: number): number;
}

function scaledPositions([a, , c, , e, f]: AffineMatrix): Positions {
  return {
    column: (x) => Math.floor(c + a * (x + 0.5)),
    row: (_, y) => Math.floor(f + e * (y + 0.5)),
  };
}

function fixedPositions([a, b, c, d, e, f]: AffineMatrix): Positions {
  const fix = (value: number) => Math.floor(value * 65536 + 0.5);
  const startX = fix(c + a * 0.5 + b * 0.5);
  const startY = fix(f + d * 0.5 + e * 0.5);
  const [ax, bx, dx, ex] = [fix(a), fix(b), fix(d), fix(e)];
  return {
    column: (x, y) => (startX + ax * x + bx * y) >> 16,
    row: (x, y) => (startY + dx * x + ex * y) >> 16,
  };
}

/** torchvision's `_get_inverse_affine_matrix` at scale 1; angles in radians, about `center`. */
export function inverseAffineMatrix(
  center: readonly [number, number],
  translate: readonly [number, number],
  shear: readonly [number, number],
): AffineMatrix {
  const [cx, cy] = center;
  const [tx, ty] = translate;
  const [sx, sy] = shear;
  const a = Math.cos(-sy) / Math.cos(sy);
  const b = (-Math.cos(-sy) * Math.tan(sx)) / Math.cos(sy);
  const c = Math.sin(-sy) / Math.cos(sy);
  const d = (-Math.sin(-sy) * Math.tan(sx)) / Math.cos(sy) + 1;
  const shiftX = d * (-cx - tx) + -b * (-cy - ty) + cx;
  const shiftY = -c * (-cx - tx) + a * (-cy - ty) + cy;
  return [d, -b, shiftX, -c, a, shiftY];
}

/** The matrix of PIL's `Image.rotate` about the centre, counter-clockwise; degrees. */
export function rotationMatrix({ height, width }: RgbImage, degrees: number): AffineMatrix {
  const angle = (-(((degrees % 360) + 360) % 360) * Math.PI) / 180;
  const cos = round15(Math.cos(angle));
  const sin = round15(Math.sin(angle));
  const cx = width / 2;
  const cy = height / 2;
  return [cos, sin, cos * -cx + sin * -cy + cx, -sin, cos, -sin * -cx + cos * -cy + cy];
}

function round15(value: number): number {
  return Number(value.toFixed(15));
}
