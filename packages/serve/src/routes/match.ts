import type { BodyOf, ResultOf } from '../api/operations.js';
import { HttpError } from '../api/problem.js';
import { checkUpload } from '../pictures/check-upload.js';
import { readIndexed } from '../pictures/read-indexed.js';
import type { Service } from '../service.js';

/** POST /match. */
export async function match(
  service: Service,
  { text, images = [], ids = [] }: BodyOf<'match'>,
  signal: AbortSignal,
): Promise<ResultOf<'match'>> {
  const { matches } = service.model;
  if (!matches) {
    throw new HttpError(501, {
      where: '/match',
      problem: 'this model has no fusion with a matcher',
      remedy: 'train one with a fusion, or compare by /search',
    });
  }
  if (images.length + ids.length === 0) {
    throw new HttpError(400, { where: '/match', expected: 'images, ids, or both', got: 'neither' });
  }
  const { pixels } = service.limits;
  const sent = await Promise.all(images.map((image, i) => checkUpload(`/match: images.${i}`, image, pixels)));
  const own: Uint8Array[] = [];
  for (const id of ids) own.push(await readIndexed(service, '/match', id));
  const logits = await matches.add(
    [...sent, ...own].map((image) => ({ image, text })),
    signal,
  );
  return { probabilities: logits.map((logit) => 1 / (1 + Math.exp(-logit))) };
}
