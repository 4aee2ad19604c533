import type { BodyOf, ResultOf } from '../api/operations.js';
import { HttpError } from '../api/problem.js';
import { checkUpload } from '../pictures/check-upload.js';
import { readIndexed } from '../pictures/read-indexed.js';
import type { Service } from '../service.js';

/** POST /attention. */
export async function attention(
  service: Service,
  { text, image, id }: BodyOf<'attention'>,
  signal: AbortSignal,
): Promise<ResultOf<'attention'>> {
  const where = '/attention';
  const { model, limits } = service;
  if (!model.attention) {
    throw new HttpError(501, {
      where,
      problem: 'this model has no fusion that looks at parts of a picture',
      remedy: 'train one with CoAttentionFusion, see docs/fusion.md',
    });
  }
  if ((image === undefined) === (id === undefined)) {
    throw new HttpError(400, { where, expected: 'either image or id', got: image === undefined ? 'neither' : 'both' });
  }
  const picture =
    image === undefined
      ? await readIndexed(service, where, id!)
      : await checkUpload(`${where}: image`, image, limits.pixels);
  const [found] = await model.attention.add([{ image: picture, text }], signal);
  const { words, maps, rows, columns, region } = found!;
  return { words: words.map((word, row) => ({ ...word, map: Array.from(maps.row(row)) })), rows, columns, region };
}
