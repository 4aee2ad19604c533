import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Point {
  readonly id: string;
  readonly vector: readonly number[];
  readonly payload: Readonly<Record<string, unknown>>;
}

interface Collection {
  readonly size: number;
  readonly distance: string;
  readonly points: Map<string, Point>;
}

// biome-ignore lint/suspicious/noExplicitAny: requests as they come
type Json = any;

/** The part of Qdrant's REST interface that the adapter speaks, in memory; conditions as Qdrant's documentation says they hold. */
export async function startQdrant({
  apiKey,
}: {
  readonly apiKey?: string;
} = {}): Promise<{ url: string; stop(): Promise<void> }> {
  const collections = new Map<string, Collection>();
  const server = createServer(async (request, response) => {
    const [status, result] =
      apiKey !== undefined && request.headers['api-key'] !== apiKey
        ? [401, { error: 'Must provide an API key' }]
        : answer(collections, request.method!, request.url!, await bodyOf(request));
    response.writeHead(status as number, { 'content-type': 'application/json' });
    response.end(JSON.stringify(status === 200 ? { result } : { status: result }));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => new Promise((done) => server.close(() => done())),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Json> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text === '' ? undefined : JSON.parse(text);
}

function answer(collections: Map<string, Collection>, method: string, url: string, body: Json): [number, Json] {
  const [, name, path] = /^\/collections\/([\w-]+)(.*?)(?:\?wait=true)?$/.exec(url)!;
  const collection = collections.get(name!);
  if (path === '' && method === 'PUT') {
    if (collection) return [409, { error: `Collection ${name} already exists` }];
    collections.set(name!, { ...body.vectors, points: new Map() });
    return [200, true];
  }
  if (!collection) return [404, { error: `Collection ${name} doesn't exist` }];
  const { size, distance, points } = collection;
  switch (`${method} ${path}`) {
    case 'GET ':
      return [200, { config: { params: { vectors: { size, distance } } } }];
    case 'PUT /points':
      for (const point of body.points) {
        if (point.vector.length !== size) return [400, { error: `expected dim: ${size}, got ${point.vector.length}` }];
        if (!UUID.test(point.id)) return [400, { error: `${point.id} is not a valid point ID` }];
      }
      for (const point of body.points) points.set(point.id, point);
      return [200, { status: 'completed' }];
    case 'POST /points':
      return [200, body.ids.flatMap((id: string) => (points.has(id) ? [points.get(id)] : []))];
    case 'POST /points/delete':
      for (const id of body.points) points.delete(id);
      return [200, { status: 'completed' }];
    case 'POST /points/count':
      return [200, { count: [...points.values()].filter((point) => holds(body.filter ?? {}, point)).length }];
    case 'POST /points/query/batch':
      return [200, body.searches.map((search: Json) => ({ points: nearest([...points.values()], search) }))];
    default:
      return [404, { error: `${method} ${path}` }];
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function nearest(
  points: readonly Point[],
  { query, limit, filter, score_threshold = Number.NEGATIVE_INFINITY }: Json,
): Json[] {
  return points
    .filter((point) => holds(filter ?? {}, point))
    .map(({ id, payload, vector }) => ({ id, payload, score: vector.reduce((sum, x, i) => sum + x * query[i], 0) }))
    .filter(({ score }) => score >= score_threshold)
    .sort((a, b) => b.score - a.score)
    .slice(0, limit);
}

/** A filter, or one of its conditions. */
function holds(condition: Json, point: Point): boolean {
  if (condition.must?.some((part: Json) => !holds(part, point))) return false;
  if (condition.must_not?.some((part: Json) => holds(part, point))) return false;
  if (condition.should?.length > 0 && !condition.should.some((part: Json) => holds(part, point))) return false;
  if (condition.has_id) return condition.has_id.includes(point.id);
  if (condition.is_empty) return valuesAt(point, condition.is_empty.key).length === 0;
  if (condition.key === undefined) return true;
  return valuesAt(point, condition.key).some((value) =>
    condition.match ? value === condition.match.value : inRange(value, condition.range),
  );
}

/** A list's items, each of which may fit; nothing for null, an empty list, or what is not there. */
function valuesAt({ payload }: Point, key: string): unknown[] {
  const [, first, quoted] = /^(\w+)\."([^"]+)"$/.exec(key)!;
  const value = (payload[first!] as Record<string, unknown> | undefined)?.[quoted!];
  return [value].flat().filter((item) => item !== undefined && item !== null);
}

function inRange(value: unknown, range: Json): boolean {
  const instant = (x: unknown): number => (typeof x === 'string' ? Date.parse(x) : (x as number));
  return Object.entries(range).every(([op, limit]) => {
    if (typeof value !== typeof limit) return false;
    const [a, b] = [instant(value), instant(limit)];
    if (op === 'gt') return a > b;
    if (op === 'gte') return a >= b;
    return op === 'lt' ? a < b : a <= b;
  });
}
