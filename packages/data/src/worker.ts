import { type ImageTransform, isDiptychError, type Tokenizer } from '@diptych/core';
import { move, Piscina, transferableSymbol, valueSymbol } from 'piscina';
import { type DecodeParts, type DecodeResult, type DecodeTask, decodeRows } from './decode-rows.js';
import { isRgbImage } from './record.js';
import { buildFromModules } from './worker/import-kinds.js';
import type { WorkerReply, WorkerSetup } from './worker/protocol.js';

/** This thread's transform and tokenizer; a failure is kept for the first task to report. */
// piscina's export `workerData` is what it was when something first imported piscina, which may be before this thread had its data (`--import`)
const parts = buildParts(Piscina.workerData as WorkerSetup).then(
  (value) => ({ value }),
  (error: unknown) => ({ error }),
);

async function buildParts(setup: WorkerSetup): Promise<DecodeParts> {
  const [transform, tokenizer] = await Promise.all([
    buildFromModules<ImageTransform>('transform', setup.transform, setup.resolveFrom),
    buildFromModules<Tokenizer>('tokenizer', setup.tokenizer, setup.resolveFrom),
  ]);
  const { tokenize, output, maxImageBytes } = setup;
  return { transform, tokenizer, tokenize, output, maxImageBytes };
}

/** Piscina's task: decodes one batch and hands its buffers over without a copy. */
export default async function decode(task: DecodeTask): Promise<WorkerReply> {
  const built = await parts;
  try {
    if (!('value' in built)) throw built.error;
    const result = share(await decodeRows(task, built.value));
    // piscina types what it moves as what it can move, and its thread gives the value under valueSymbol
    return move({ [transferableSymbol]: buffersOf(result), [valueSymbol]: { result } }) as unknown as WorkerReply;
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { error: { code: isDiptychError(error) ? error.code : 'unknown', message } };
  }
}

/** Decoded pictures go into shared memory: the main thread's cache and all workers then use one copy. */
function share(result: DecodeResult): DecodeResult {
  if (!result.decoded) return result;
  const decoded = result.decoded.map((image) => {
    if (!isRgbImage(image) || image.data.buffer instanceof SharedArrayBuffer) return image;
    const data = new Uint8Array(new SharedArrayBuffer(image.data.byteLength));
    data.set(image.data);
    return { data, width: image.width, height: image.height };
  });
  return { ...result, decoded };
}

function buffersOf({ pixels, tokens }: DecodeResult): ArrayBuffer[] {
  const arrays = [pixels, tokens?.inputIds, tokens?.attentionMask, tokens?.tokenTypeIds];
  const buffers = new Set<ArrayBuffer>();
  for (const array of arrays) {
    if (array && array.buffer instanceof ArrayBuffer) buffers.add(array.buffer);
  }
  return [...buffers];
}
