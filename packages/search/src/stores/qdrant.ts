import { createHash } from 'node:crypto';
import { ConfigError, checkOptions, checkPositive, type MatrixData, type OptionNames, StoreError } from '@diptych/core';
import { checkIds, checkQueries, checkRows, checkSearch } from '../check-rows.js';
import { type Filter, parseFilter } from '../filter.js';
import type { Metric } from '../format/commit-log.js';
import type { Metadata } from '../metadata.js';
import type { Hit, SearchOptions, StoredRow, StoreRows, VectorStore } from '../vector-store.js';
import { OpenStore } from './open-store.js';
import { qdrantFilter } from './qdrant-filter.js';
import { STORE, type StoreOptions } from './store-options.js';

/** Options of {@link openQdrant}. */
export interface QdrantOptions extends StoreOptions {
  /** Of the server, default `http://127.0.0.1:6333`. */
  readonly url?: string;
  /** Made if it is not there. */
  readonly collection: string;
  readonly apiKey?: string;
  /** Compare every row, without the server's graph. Default false: Qdrant decides, and is exact for small collections. */
  readonly exact?: boolean;
  /** Milliseconds that an answer may take, default 60,000. */
  readonly timeout?: number;
}

const OPTIONS: OptionNames<QdrantOptions> = {
  ...STORE,
  url: 'optional',
  collection: 'required',
  apiKey: 'optional',
  exact: 'optional',
  timeout: 'optional',
};
const WHERE = 'search.openQdrant';
/** Bytes of a request at most; servers refuse 32 MiB by default. */
const REQUEST_BYTES = 16 * 2 ** 20;

interface Point {
  readonly id: string;
  readonly payload: { readonly id: string; readonly metadata?: Metadata };
  readonly vector?: readonly number[];
  readonly score?: number;
}

/**
 * A store in a Qdrant server, spoken to by its REST interface (1.10 or later). Qdrant numbers its points: a row's point is the UUID that
 * is made of its id, and the id itself lies in the payload, metadata beside it.
 *
 * @throws ConfigError for a collection of another width or metric
 * @throws StoreError if the server does not answer
 */
export async function openQdrant(options: QdrantOptions): Promise<QdrantStore> {
  checkOptions(WHERE, options, OPTIONS);
  const {
    embedDim,
    metric = 'cosine',
    url = 'http://127.0.0.1:6333',
    collection,
    apiKey,
    exact = false,
    timeout = 60_000,
  } = options;
  checkPositive(WHERE, 'embedDim', embedDim);
  if (typeof collection !== 'string' || !/^[\w-]{1,200}$/.test(collection)) {
    throw new ConfigError({
      where: WHERE,
      expected: 'a collection named by letters, digits, _ and -',
      got: String(collection),
    });
  }
  if (!URL.canParse(url)) throw new ConfigError({ where: WHERE, expected: "the server's address", got: String(url) });
  const server = new QdrantServer(`${url.replace(/\/+$/, '')}/collections/${collection}`, apiKey, timeout);
  const distance = metric === 'cosine' ? 'Cosine' : 'Dot';
  type Info = { config: { params: { vectors: { size?: number; distance?: string } } } };
  let info = await server.ask<Info | undefined>('GET', '', undefined, true);
  if (info === undefined) {
    await server.ask('PUT', '', { vectors: { size: embedDim, distance } }, false, true);
    info = await server.ask<Info>('GET', '');
  }
  const { vectors } = info.config.params;
  if (vectors.size !== embedDim || vectors.distance !== distance) {
    throw new ConfigError({
      where: `${WHERE}: collection ${collection}`,
      expected: `one unnamed vector of ${embedDim}, compared by ${distance}`,
      got: vectors.size === undefined ? 'named vectors' : `${vectors.size} and ${vectors.distance}`,
      remedy: 'name another collection',
    });
  }
  return new QdrantStore(server, { collection, embedDim, metric, exact });
}

/** Made by {@link openQdrant}. An `add` of more than 16 MiB goes out in several requests, each of which is done or not. */
export class QdrantStore implements VectorStore {
  readonly embedDim: number;
  readonly metric: Metric;
  readonly #server: QdrantServer;
  readonly #exact: boolean;
  readonly #open: OpenStore;

  constructor(
    server: QdrantServer,
    parts: { readonly collection: string; readonly embedDim: number; readonly metric: Metric; readonly exact: boolean },
  ) {
    this.#server = server;
    this.embedDim = parts.embedDim;
    this.metric = parts.metric;
    this.#exact = parts.exact;
    this.#open = new OpenStore(`search.QdrantStore: ${parts.collection}`);
  }

  async add(rows: StoreRows): Promise<void> {
    const { ids, metadata, vector } = checkRows('search.QdrantStore.add', rows, this.embedDim, this.metric);
    await this.#open.call(async () => {
      let points: string[] = [];
      let bytes = 0;
      for (const [row, id] of ids.entries()) {
        const point = `{"id":"${pointOf(id)}","vector":[${vector(row).join()}],"payload":{"id":${JSON.stringify(id)},"metadata":${metadata[row] || '{}'}}}`;
        if (bytes > 0 && bytes + point.length > REQUEST_BYTES) {
          await this.#put(points);
          points = [];
          bytes = 0;
        }
        points.push(point);
        bytes += point.length;
      }
      if (points.length > 0) await this.#put(points);
    });
  }

  async delete(ids: readonly string[]): Promise<number> {
    checkIds('search.QdrantStore.delete', ids);
    return this.#open.call(async () => {
      const points = [...new Set(ids)].map(pointOf);
      if (points.length === 0) return 0;
      const there = await this.#server.ask<Point[]>('POST', '/points', { ids: points, with_payload: false });
      await this.#server.ask('POST', '/points/delete?wait=true', { points });
      return there.length;
    });
  }

  async get(ids: readonly string[]): Promise<(StoredRow | undefined)[]> {
    checkIds('search.QdrantStore.get', ids);
    return this.#open.call(async () => {
      const request = { ids: [...new Set(ids)].map(pointOf), with_payload: true, with_vector: true };
      const found = ids.length > 0 ? await this.#server.ask<Point[]>('POST', '/points', request) : [];
      const points = new Map(found.map((point) => [point.payload.id, point]));
      return ids.map((id) => {
        const point = points.get(id);
        return point && { id, vector: Float32Array.from(point.vector!), metadata: point.payload.metadata ?? {} };
      });
    });
  }

  async search(queries: MatrixData, options: SearchOptions = {}): Promise<Hit[][]> {
    const where = 'search.QdrantStore.search';
    const { k, minScore } = checkSearch(where, options);
    const values = checkQueries(where, queries, this.embedDim, this.metric);
    const filter = options.filter && qdrantFilter(parseFilter(where, options.filter));
    const searches = Array.from({ length: queries.shape[0] }, (_, i) => ({
      query: Array.from(values.subarray(i * this.embedDim, (i + 1) * this.embedDim)),
      limit: k,
      with_payload: true,
      ...(filter && { filter }),
      ...(this.#exact && { params: { exact: true } }),
      ...(Number.isFinite(minScore) && { score_threshold: minScore }),
    }));
    return this.#open.call(async () => {
      if (searches.length === 0) return [];
      const found = await this.#server.ask<{ points: Point[] }[]>('POST', '/points/query/batch', { searches });
      return found.map(({ points }) =>
        points.flatMap(({ score, payload: { id, metadata = {} } }) =>
          score! > minScore ? [{ id, score: score!, metadata }] : [],
        ),
      );
    });
  }

  async count(filter?: Filter): Promise<number> {
    const condition = filter && qdrantFilter(parseFilter('search.QdrantStore.count', filter));
    return this.#open.call(async () => {
      const request = { exact: true, ...(condition && { filter: condition }) };
      return (await this.#server.ask<{ count: number }>('POST', '/points/count', request)).count;
    });
  }

  async close(): Promise<void> {
    this.#open.close();
  }

  #put(points: readonly string[]): Promise<unknown> {
    return this.#server.ask('PUT', '/points?wait=true', `{"points":[${points.join()}]}`);
  }
}

/** One collection of a server. */
class QdrantServer {
  readonly #address: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeout: number;

  constructor(address: string, apiKey: string | undefined, timeout: number) {
    this.#address = address;
    this.#headers = { 'content-type': 'application/json', ...(apiKey !== undefined && { 'api-key': apiKey }) };
    this.#timeout = timeout;
  }

  /**
   * @param body JSON, or what becomes it
   * @param mayLack gives undefined for what is not there
   * @param mayBeThere takes no offence if somebody else has just made it
   * @throws StoreError with what the server says
   */
  async ask<Answer>(
    method: string,
    path: string,
    body?: unknown,
    mayLack = false,
    mayBeThere = false,
  ): Promise<Answer> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#address + path, {
        method,
        headers: this.#headers,
        body: body === undefined || typeof body === 'string' ? (body as string | undefined) : JSON.stringify(body),
        signal: AbortSignal.timeout(this.#timeout),
      });
      text = await response.text();
    } catch (cause) {
      const { message, cause: reason } = cause as Error;
      const problem = `does not answer: ${reason instanceof Error ? reason.message : message}`;
      const remedy = 'check url, and that Qdrant runs there; timeout sets how long an answer may take';
      throw new StoreError({ where: `search: Qdrant at ${this.#address}`, problem, remedy }, { cause });
    }
    if (response.status === 404 && mayLack) return undefined as Answer;
    if (response.status === 409 && mayBeThere) return undefined as Answer;
    if (response.ok) return (JSON.parse(text) as { result: Answer }).result;
    const problem = `answers ${response.status}: ${errorOf(text)}`;
    const remedy = [401, 403].includes(response.status) ? 'pass an apiKey that may write' : undefined;
    throw new StoreError({ where: `search: Qdrant at ${this.#address}`, problem, remedy });
  }
}

function errorOf(text: string): string {
  try {
    return String((JSON.parse(text) as { status: { error: string } }).status.error);
  } catch {
    return text.slice(0, 200);
  }
}

/** The name-based UUID (RFC 9562, version 5) of an id, in a name space of our own. */
function pointOf(id: string): string {
  const bytes = createHash('sha1').update(NAME_SPACE).update(id).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const NAME_SPACE = Buffer.from('0c1f1c2e6b5d4d0c9d0e7a4f5b1e9a37', 'hex');
