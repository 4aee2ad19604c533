import type { BodyOf, ResultOf } from '../api/operations.js';
import { HttpError } from '../api/problem.js';
import { checkUpload } from '../pictures/check-upload.js';
import type { Service } from '../service.js';

/** POST /embed. */
export async function embed(
  { model, limits }: Service,
  { texts, images }: BodyOf<'embed'>,
  signal: AbortSignal,
): Promise<ResultOf<'embed'>> {
  if (!texts && !images) {
    throw new HttpError(400, { where: '/embed', expected: 'texts, images, or both', got: 'neither' });
  }
  const pictures = await Promise.all(
    (images ?? []).map((image, i) => checkUpload(`/embed: images.${i}`, image, limits.pixels)),
  );
  const [ofTexts, ofImages] = await Promise.all([
    texts && model.texts.add(texts, signal),
    images && model.images.add(pictures, signal),
  ]);
  return {
    embedDim: model.embedDim,
    ...(ofTexts && { texts: ofTexts.map((row) => Array.from(row)) }),
    ...(ofImages && { images: ofImages.map((row) => Array.from(row)) }),
  };
}

/** POST /v1/embeddings. */
export async function openAiEmbeddings(
  { model }: Service,
  { input, model: name, encoding_format, dimensions }: BodyOf<'openAiEmbeddings'>,
  signal: AbortSignal,
): Promise<ResultOf<'openAiEmbeddings'>> {
  const { embedDim } = model;
  if (dimensions != null && dimensions !== embedDim) {
    throw new HttpError(400, {
      where: '/v1/embeddings: dimensions',
      expected: `${embedDim}, which this model has`,
      got: String(dimensions),
      remedy: 'leave it out',
    });
  }
  const texts = typeof input === 'string' ? [input] : input;
  const rows = await model.texts.add(texts, signal);
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);
  // words, as tokens are the model's own affair
  const tokens = texts.reduce((sum, text) => sum + (text.match(/\S+/g)?.length ?? 0), 0);
  return {
    object: 'list',
    model: name,
    data: rows.map((row, index) => ({
      object: 'embedding',
      index,
      embedding: encoding_format === 'base64' ? bytes(row).toString('base64') : Array.from(row),
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}
