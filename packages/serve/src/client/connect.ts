import type { InputOf, OperationName, ResultOf } from '../api/operations.js';
import type { Problem } from '../api/schemas.js';

export type { InputOf, OperationName, Problem, ResultOf };

/** Options of `createClient`. */
export interface ClientOptions {
  /** What the server was started with. */
  readonly token?: string;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
}

/** A picture as a client has it: a file of a browser, bytes, or base64. */
export type SentPicture = Blob | Uint8Array | string;

type WithPictures<Input, Names extends string> = Omit<Input, Names> & {
  readonly [Name in Names & keyof Input]?: Name extends `${string}s` ? readonly SentPicture[] : SentPicture;
};

/** What `embed` sends: texts, pictures, or both. */
export type EmbedRequest = WithPictures<InputOf<'embed'>, 'images'>;
/** What `search` sends; pictures as clients have them. */
export type SearchRequest = WithPictures<InputOf<'search'>, 'image'>;
/** What `attention` sends. */
export type AttentionRequest = WithPictures<InputOf<'attention'>, 'image'>;
/** What `match` sends. */
export type MatchRequest = WithPictures<InputOf<'match'>, 'images'>;

/** An answer of the server that says what went wrong. */
export class ServeError extends Error {
  override readonly name = 'ServeError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** Calls of a server. Each throws a {@link ServeError} for an answer that says no. */
export interface Client {
  embed(body: EmbedRequest, signal?: AbortSignal): Promise<ResultOf<'embed'>>;
  search(body: SearchRequest, signal?: AbortSignal): Promise<ResultOf<'search'>>;
  match(body: MatchRequest, signal?: AbortSignal): Promise<ResultOf<'match'>>;
  attention(body: AttentionRequest, signal?: AbortSignal): Promise<ResultOf<'attention'>>;
  info(signal?: AbortSignal): Promise<ResultOf<'info'>>;
  health(signal?: AbortSignal): Promise<ResultOf<'health'>>;
  /** Takes the token for the pictures that a browser shows. */
  openSession(token: string): Promise<void>;
  /** The address of a picture's file. */
  pictureUrl(id: string): string;
  thumbnailUrl(id: string, size?: 160 | 320 | 640): string;
}

/** A client, unchecked: the page has no need of it. */
export function connect(address: string, { token, fetch: ask = fetch }: ClientOptions = {}): Client {
  const base = address.replace(/\/+$/, '');
  const call = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    const response = await ask(base + path, { ...init, headers });
    if (response.ok) return response;
    throw new ServeError(await problemIn(response));
  };
  const get = async (path: string, signal: AbortSignal | undefined) =>
    (await call(path, signal ? { signal } : {})).json();
  const post = async (path: string, body: object, pictures: readonly string[], signal?: AbortSignal) =>
    (await call(path, { method: 'POST', ...encoded(body, pictures), ...(signal && { signal }) })).json();
  return {
    embed: (body, signal) => post('/embed', body, ['images'], signal),
    search: (body, signal) => post('/search', body, ['image'], signal),
    match: (body, signal) => post('/match', body, ['images'], signal),
    attention: (body, signal) => post('/attention', body, ['image'], signal),
    info: (signal) => get('/info', signal),
    health: (signal) => get('/healthz', signal),
    async openSession(given) {
      await call('/session', { method: 'POST', ...encoded({ token: given }, []) });
    },
    pictureUrl: (id) => `${base}/picture?id=${encodeURIComponent(id)}`,
    thumbnailUrl: (id, size = 320) => `${base}/thumbnail?id=${encodeURIComponent(id)}&size=${size}`,
  };
}

/** JSON, or a form where there are pictures as bytes. */
function encoded(body: object, pictures: readonly string[]): RequestInit {
  const fields = body as Readonly<Record<string, unknown>>;
  const isFile = (value: unknown): value is Blob | Uint8Array => value instanceof Blob || value instanceof Uint8Array;
  const files = pictures.flatMap((name) =>
    [fields[name]].flat().flatMap((file) => (isFile(file) ? [{ name, file }] : [])),
  );
  if (files.length === 0) return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const form = new FormData();
  const rest = Object.entries(fields).map(([name, value]) => {
    if (!pictures.includes(name)) return [name, value];
    const texts = [value].flat().filter((picture) => !isFile(picture));
    return [name, texts.length > 0 ? texts : undefined];
  });
  form.append('request', JSON.stringify(Object.fromEntries(rest)));
  for (const { name, file } of files) {
    form.append(name, file instanceof Blob ? file : new Blob([new Uint8Array(file)]), 'picture');
  }
  return { body: form };
}

async function problemIn(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    const { status, statusText } = response;
    return { type: 'about:blank', title: statusText, status, detail: `${status} ${statusText}` };
  }
}
