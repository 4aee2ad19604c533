import type { Filter, Hit } from '@diptych/search';
import type { ResultOf } from '../api/operations.js';
import { HttpError, problemOf } from '../api/problem.js';
import { type Client, type SearchRequest, ServeError } from '../client/connect.js';
import { FOLDED_AT_MOST, foldDuplicates } from '../search/fold-duplicates.js';
import { type QueryPart, queryVector } from '../search/query-vector.js';
import { type Site, thumbnailFile, viewFile } from './site.js';
import type { StaticIndex } from './static-index.js';

/** What makes vectors of a query. */
export interface QueryEmbedder {
  /** One vector each. */
  texts(texts: readonly string[]): Promise<readonly Float32Array[]>;
  image(picture: Blob): Promise<Float32Array>;
}

/** As the server weighs a query's parts where nothing else is said. */
const WEIGHTS = { text: 1, image: 1, like: 1, not: 0.5 };
const PAGE = 24;

/** The search page's client without a server: the same answers, computed in the browser. */
export function staticClient(site: Site, index: StaticIndex, embedder: QueryEmbedder, base: string): Client {
  const unserved = async (): Promise<never> => {
    throw new ServeError(problemOf(new HttpError(501, { where: 'static search', problem: 'there is no server' })));
  };
  const file = (id: string, name: (row: number) => string) => {
    const place = index.placeOf(id);
    return place === undefined ? '' : new URL(name(place), base).href;
  };
  // one object: the page asks for it again and again, and nothing changes here
  const info: ResultOf<'info'> = {
    embedDim: site.embedDim,
    matches: false,
    attends: false,
    pictures: true,
    rows: site.rows,
    columns: [...site.columns],
  };
  return {
    embed: unserved,
    match: unserved,
    attention: unserved,
    openSession: unserved,
    info: async () => info,
    health: async () => ({ status: 'ok', rows: site.rows }),
    async search(request) {
      try {
        return await search(index, embedder, request);
      } catch (error) {
        throw error instanceof ServeError ? error : new ServeError(problemOf(error));
      }
    },
    thumbnailUrl: (id) => file(id, thumbnailFile),
    pictureUrl: (id) => file(id, site.viewSize > 0 ? viewFile : thumbnailFile),
  };
}

/** POST /search, as routes/search.ts has it. */
async function search(
  index: StaticIndex,
  embedder: QueryEmbedder,
  request: SearchRequest,
): Promise<ResultOf<'search'>> {
  const { k = PAGE, offset = 0, minScore, fold } = request;
  const filter = request.filter as Filter | undefined;
  const total = index.count(filter);
  const vector = await vectorOf(index, embedder, request);
  if (!vector) return { hits: [], total };
  const last = offset + k;
  const hits = index.search({
    vector,
    k: fold === undefined ? last : Math.max(last, FOLDED_AT_MOST),
    ...(filter && { filter }),
    ...(minScore !== undefined && { minScore }),
  });
  const found = fold === undefined ? hits : folded(index, hits, fold);
  return { hits: found.slice(offset, last) as ResultOf<'search'>['hits'], total };
}

function folded(index: StaticIndex, hits: readonly Hit[], above: number): readonly Hit[] {
  const best = hits.slice(0, FOLDED_AT_MOST);
  const vectors = best.map(({ id }) => index.vectorAt(index.placeOf(id)!));
  return [...foldDuplicates(best, vectors, above), ...hits.slice(FOLDED_AT_MOST)];
}

async function vectorOf(
  index: StaticIndex,
  embedder: QueryEmbedder,
  { text, image, like = [], not = [], weights = {} }: SearchRequest,
): Promise<Float32Array | undefined> {
  const texts = [...(text === undefined ? [] : [text]), ...not];
  if (texts.length === 0 && image === undefined && like.length === 0) return index.middle();
  const weight = { ...WEIGHTS, ...weights };
  const ofTexts = texts.length > 0 ? await embedder.texts(texts) : [];
  const words = text === undefined ? 0 : 1;
  const parts: QueryPart[] = [
    ...ofTexts.slice(0, words).map((vector) => ({ vector, weight: weight.text })),
    ...ofTexts.slice(words).map((vector) => ({ vector, weight: -weight.not / not.length })),
  ];
  if (image !== undefined) parts.push({ vector: await embedder.image(image as Blob), weight: weight.image });
  for (const id of like) {
    const place = index.placeOf(id);
    if (place === undefined) {
      throw new HttpError(404, { where: '/search: like', expected: 'ids of the index', got: id.slice(0, 200) });
    }
    parts.push({ vector: index.vectorAt(place), weight: weight.like / like.length });
  }
  return queryVector(parts, index.embedDim).data as Float32Array;
}
