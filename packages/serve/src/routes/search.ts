import type { MatrixData } from '@diptych/core';
import type { Filter, Hit } from '@diptych/search';
import type { BodyOf, ResultOf } from '../api/operations.js';
import { HttpError } from '../api/problem.js';
import { MOST_RESULTS } from '../api/schemas.js';
import { checkUpload } from '../pictures/check-upload.js';
import { FOLDED_AT_MOST, foldDuplicates } from '../search/fold-duplicates.js';
import { type QueryPart, queryVector } from '../search/query-vector.js';
import { indexOf, type ServedIndex, type Service } from '../service.js';

/** POST /search. */
export async function search(
  service: Service,
  body: BodyOf<'search'>,
  signal: AbortSignal,
): Promise<ResultOf<'search'>> {
  const index = indexOf(service, '/search');
  const { k, offset, minScore, fold } = body;
  const last = offset + k;
  if (last > MOST_RESULTS) {
    throw new HttpError(400, {
      where: '/search',
      expected: `offset + k of at most ${MOST_RESULTS}`,
      got: String(last),
      remedy: 'narrow the search by a filter or minScore',
    });
  }
  const filter = body.filter as Filter | undefined; // the store checks it
  const query = await queryOf(service, index, body, signal);
  const total = await index.store.count(filter);
  if (query === undefined) return { hits: [], total };
  const most = Math.max(1, fold === undefined ? last : Math.max(last, FOLDED_AT_MOST));
  const hits = await index.searches.search({ query: query.data, k: most, filter, minScore }, signal);
  const found = fold === undefined ? hits : await folded(index, hits, fold);
  return { hits: found.slice(offset, last), total };
}

/** Near duplicates under each other, among the best. */
async function folded({ store }: ServedIndex, hits: readonly Hit[], above: number): Promise<readonly Hit[]> {
  const best = hits.slice(0, FOLDED_AT_MOST);
  const rows = await store.get(best.map(({ id }) => id));
  return [
    ...foldDuplicates(
      best,
      rows.map((row) => row?.vector),
      above,
    ),
    ...hits.slice(FOLDED_AT_MOST),
  ];
}

/** What is looked for; without a query the middle of the index, undefined where there is none. */
async function queryOf(
  { model, limits }: Service,
  { store, catalogue }: ServedIndex,
  { text, image, like = [], not = [], weights }: BodyOf<'search'>,
  signal: AbortSignal,
): Promise<MatrixData | undefined> {
  const texts = [...(text === undefined ? [] : [text]), ...not];
  if (texts.length === 0 && image === undefined && like.length === 0) return catalogue.middle;
  const picture = image === undefined ? [] : [await checkUpload('/search: image', image, limits.pixels)];
  const [ofTexts, ofImages, rows] = await Promise.all([
    texts.length > 0 ? model.texts.add(texts, signal) : [],
    picture.length > 0 ? model.images.add(picture, signal) : [],
    like.length > 0 ? store.get(like) : [],
  ]);
  const words = text === undefined ? 0 : 1;
  const parts: QueryPart[] = [
    ...ofTexts.slice(0, words).map((vector) => ({ vector, weight: weights.text })),
    ...ofTexts.slice(words).map((vector) => ({ vector, weight: -weights.not / not.length })),
    ...ofImages.map((vector) => ({ vector, weight: weights.image })),
    ...rows.map((row, i) => {
      if (row) return { vector: row.vector, weight: weights.like / like.length };
      throw new HttpError(404, { where: '/search: like', expected: 'ids of the index', got: like[i]!.slice(0, 200) });
    }),
  ];
  return queryVector(parts, model.embedDim);
}
