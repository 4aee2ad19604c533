import { ConfigError, InputError, type PairBatch, pixelShape, ShapeError, tokenShape } from '@diptych/core';
import type { BatchSource } from './batch-source.js';
import type { HostRows } from './device-batch.js';

/**
 * Looks a batch over on the host, before a step computes on it.
 *
 * @param vocabSize of the text tower, where it is known
 * @throws ShapeError if its parts do not have one row for each pair
 * @throws InputError if a token id is outside the vocabulary, or it is no batch
 */
export function checkBatch(batch: PairBatch, where: string, vocabSize: number | undefined): void {
  const { size, pixels, tokens, ids, negatives } = (batch ?? {}) as PairBatch;
  if (!pixels || !tokens || !ids || !Number.isInteger(size) || size < 1) {
    throw new InputError({
      where,
      expected: 'a batch { size, pixels, tokens, ids } of at least one pair',
      got: typeof batch === 'object' ? `{ ${Object.keys(batch ?? {}).join(', ')} }, size ${size}` : typeof batch,
      remedy: 'a DataLoader of @diptych/data gives such batches',
    });
  }
  const rows = {
    pixels: pixelShape(pixels, `${where}: pixels`)[0],
    tokens: tokenShape(tokens, `${where}: tokens`)[0],
    ids: ids.length,
  };
  const wrong = Object.entries(rows).filter(([, count]) => count !== size);
  if (wrong.length > 0) {
    throw new ShapeError({
      where,
      expected: `${size} rows (its size) in pixels, tokens and ids`,
      got: wrong.map(([part, count]) => `${count} in ${part}`).join(', '),
      remedy: 'give every pair one picture, one text and one id',
    });
  }
  if (vocabSize === undefined || tokens.features) return;
  checkIds(tokens.inputIds, vocabSize, where);
  if (negatives?.text) checkIds(negatives.text.tokens.inputIds, vocabSize, `${where}: negatives.text`);
}

/** @throws ShapeError unless there is a row for each pair */
export function checkTargets(targets: Readonly<Record<string, HostRows>>, size: number): void {
  for (const [name, rows] of Object.entries(targets)) {
    const { data, shape } = rows ?? {};
    const entries = Array.isArray(shape) ? shape.reduce((product, side) => product * side, 1) : Number.NaN;
    if (ArrayBuffer.isView(data) && data.length === entries && shape[0] === size) continue;
    throw new ShapeError({
      where: `train: targets.${name}`,
      expected: `{ data, shape: [${size}, width] }, a row for each pair`,
      got: Array.isArray(shape) ? `shape [${shape}], ${data?.length} numbers` : typeof rows,
    });
  }
}

function checkIds(inputIds: Int32Array, vocabSize: number, where: string): void {
  const outside = inputIds.findIndex((id) => !(id >= 0 && id < vocabSize));
  if (outside < 0) return;
  throw new InputError({
    where: `${where}: tokens.inputIds`,
    expected: `ids from 0 to ${vocabSize - 1}, the text tower's vocabulary`,
    got: String(inputIds[outside]),
    remedy:
      "make its table longer, await resizeTokenEmbeddings(model.text, tokenizer.vocabSize) of @diptych/text, build it with the tokenizer's vocabSize, or use the tokenizer that it was trained with",
  });
}

/**
 * The source of a run: an array of batches is one that gives them in every epoch.
 *
 * @throws ConfigError for anything that cannot give the batches of an epoch again
 */
export function asSource(source: BatchSource | readonly PairBatch[]): BatchSource {
  if (Array.isArray(source)) {
    const batches = source as readonly PairBatch[];
    return { epoch: () => batches, batchesPerEpoch: batches.length };
  }
  if (typeof (source as BatchSource | undefined)?.epoch === 'function') return source as BatchSource;
  const iterable =
    typeof source === 'object' && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source);
  throw new ConfigError({
    where: 'train.Trainer.fit: source',
    expected: 'a source with epoch(n), e.g. a DataLoader, or an array of batches',
    got: iterable ? 'something that can be read once' : source === null ? 'null' : typeof source,
    remedy: iterable
      ? '{ epoch: (n) => … } that begins anew each time'
      : 'new DataLoader(source, { transform, tokenizer, batchSize })',
  });
}
