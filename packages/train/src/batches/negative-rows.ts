import { ConfigError, type PairBatch, type PixelBatch, pixelShape, type TokenBatch, tokenShape } from '@diptych/core';

/** A batch's pictures and texts with its negatives as further rows. */
export interface JoinedRows {
  readonly pixels: PixelBatch;
  readonly tokens: TokenBatch;
}

/**
 * Puts the negatives of a batch behind its pairs, so that each tower runs once over all of them: batch norm sees one batch, and
 * dropout draws by the row's number.
 *
 * @throws ConfigError if they are laid out in another way than the pairs
 */
export function joinNegatives({ size, pixels, tokens, negatives = {} }: PairBatch): JoinedRows {
  const { image, text } = negatives;
  if (image) checkRows('image', image.ids.length, pixelShape(image.pixels, 'batch.negatives.image')[0]);
  if (text) checkRows('text', text.ids.length, tokenShape(text.tokens, 'batch.negatives.text')[0]);
  return {
    pixels: image ? joinPixels(pixels, image.pixels) : pixels,
    tokens: text ? joinTokens(tokens, text.tokens, size) : tokens,
  };
}

function joinPixels(pairs: PixelBatch, more: PixelBatch): PixelBatch {
  const layout = ({ data, shape, normalize }: PixelBatch) =>
    JSON.stringify([data.constructor.name, shape.slice(1), normalize ?? null]);
  if (layout(pairs) !== layout(more)) throw otherLayout('image', layout(pairs), layout(more));
  const [rows, ...picture] = pixelShape(pairs);
  const length = pairs.data.length + more.data.length;
  const data = pairs.data instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length);
  data.set(pairs.data);
  data.set(more.data, pairs.data.length);
  return { ...pairs, data, shape: [rows + pixelShape(more)[0], ...picture] };
}

/** Rows padded to the longer of both. */
function joinTokens(pairs: TokenBatch, more: TokenBatch, size: number): TokenBatch {
  const layout = ({ tokenTypeIds, features, shape }: TokenBatch) =>
    JSON.stringify({ tokenTypeIds: tokenTypeIds !== undefined, featureDim: (features?.length ?? 0) / shape[0]! });
  if (layout(pairs) !== layout(more)) throw otherLayout('text', layout(pairs), layout(more));
  const length = Math.max(tokenShape(pairs)[1], tokenShape(more)[1]);
  const rows = size + tokenShape(more)[0];
  const join = (a: Int32Array, b: Int32Array): Int32Array => {
    const joined = new Int32Array(rows * length);
    for (const [values, first, tokens] of [[a, 0, pairs] as const, [b, size, more] as const]) {
      const [count, columns] = tokenShape(tokens);
      for (let row = 0; row < count; row++) {
        joined.set(values.subarray(row * columns, (row + 1) * columns), (first + row) * length);
      }
    }
    return joined;
  };
  return {
    shape: [rows, length],
    inputIds: join(pairs.inputIds, more.inputIds),
    attentionMask: join(pairs.attentionMask, more.attentionMask),
    ...(pairs.tokenTypeIds && { tokenTypeIds: join(pairs.tokenTypeIds, more.tokenTypeIds!) }),
    ...(pairs.features && { features: joinFloats(pairs.features, more.features!) }),
  };
}

function joinFloats(a: Float32Array, b: Float32Array): Float32Array {
  const joined = new Float32Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function checkRows(what: string, ids: number, rows: number): void {
  if (ids === rows && rows > 0) return;
  throw new ConfigError({
    where: `train.Trainer.fit: batch.negatives.${what}`,
    expected: 'at least one row, and an id for each',
    got: `${rows} rows, ${ids} ids`,
  });
}

function otherLayout(what: string, expected: string, got: string): ConfigError {
  return new ConfigError({
    where: `train.Trainer.fit: batch.negatives.${what}`,
    expected: `the layout of the pairs, ${expected}`,
    got,
    remedy: 'make them with the same transform and tokenizer',
  });
}
