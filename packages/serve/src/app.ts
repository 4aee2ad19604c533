import { isDiptychError } from '@diptych/core';
import { Hono } from 'hono';
import { openApi } from './api/openapi.js';
import { type BodyOf, OPERATIONS, type Operation, type OperationName, type QueryOf } from './api/operations.js';
import { HttpError, problemOf, problemResponse } from './api/problem.js';
import { type BodyReader, checked } from './api/read-body.js';
import type { Gate } from './guard/check-caller.js';
import { SECURITY_HEADERS } from './guard/headers.js';
import type { Metrics } from './metrics.js';
import { attention } from './routes/attention.js';
import { embed, openAiEmbeddings } from './routes/embed.js';
import { match } from './routes/match.js';
import type { readPage } from './routes/page.js';
import { picture, thumbnail } from './routes/pictures.js';
import { search } from './routes/search.js';
import type { Service } from './service.js';
import { addTraining, type TrainingParts } from './training/training-routes.js';

/** What a server is made of. */
export interface AppParts {
  readonly service: Service;
  readonly gate: Gate;
  readonly metrics: Metrics;
  readonly bodies: BodyReader;
  readonly page: ReturnType<typeof readPage> | undefined;
  readonly training: TrainingParts | undefined;
  /** Takes errors of the server's own. */
  readonly onError: (error: unknown) => void;
}

/** A checked request of an operation. */
interface Asked<Name extends OperationName> {
  readonly body: BodyOf<Name>;
  readonly query: QueryOf<Name>;
  readonly request: Request;
  /** Aborted when the client is gone, or its time is over. */
  readonly signal: AbortSignal;
}

type Handlers = { readonly [Name in OperationName]: (asked: Asked<Name>) => Promise<object> };

function handlersOf({ service, gate, metrics }: AppParts): Handlers {
  const { model, index, files, indexing } = service;
  return {
    embed: ({ body, signal }) => embed(service, body, signal),
    openAiEmbeddings: ({ body, signal }) => openAiEmbeddings(service, body, signal),
    search: ({ body, signal }) => search(service, body, signal),
    match: ({ body, signal }) => match(service, body, signal),
    attention: ({ body, signal }) => attention(service, body, signal),
    picture: ({ query, request }) => picture(service, query, request),
    thumbnail: ({ query, request, signal }) => thumbnail(service, query, request, signal),
    // any name is taken by /v1/embeddings; clients let people choose one of these
    models: async () => ({
      object: 'list',
      data: [{ id: 'diptych', object: 'model', created: 0, owned_by: 'diptych' }],
    }),
    info: async () => ({
      embedDim: model.embedDim,
      matches: model.matches !== undefined,
      attends: model.attention !== undefined,
      pictures: files !== undefined,
      rows: (await index?.store.count()) ?? 0,
      columns: index?.catalogue.columns ?? [],
      ...(indexing.report && { indexing: indexing.report }),
    }),
    health: async () => ({
      status: service.alive() ? 'ok' : 'degraded',
      rows: (await index?.store.count()) ?? 0,
    }),
    metrics: async () => {
      const { registry } = metrics;
      return new Response(await registry.metrics(), { headers: { 'content-type': registry.contentType } });
    },
    session: async ({ body }) =>
      new Response('', { headers: { 'set-cookie': gate.sessionCookie(body.token), 'cache-control': 'no-store' } }),
  };
}

/** The server as a function from requests to answers. */
export function createApp(parts: AppParts): Hono {
  const { gate, page } = parts;
  const app = new Hono();
  const handlers = handlersOf(parts);
  const admission = new Admission(parts.service.limits.requests);
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value);
  });
  app.use(async (context, next) => {
    gate.checkSite(context.req.raw.headers);
    await next();
  });
  for (const name of Object.keys(OPERATIONS) as OperationName[]) {
    const operation: Operation = OPERATIONS[name];
    const handler = handlers[name] as (asked: Asked<never>) => Promise<object>;
    app.on(operation.method.toUpperCase(), operation.path, async ({ req: { raw } }) =>
      answered(parts, name, async () => {
        if (!operation.open) gate.checkToken(raw.headers);
        return admission.admit(() => run(parts, operation, handler, raw));
      }),
    );
    app.all(operation.path, ({ req }) => {
      const allow = operation.method.toUpperCase();
      const error = new HttpError(405, { where: operation.path, expected: allow, got: req.method.slice(0, 20) });
      return problemResponse(problemOf(error), { allow });
    });
  }
  const description = JSON.stringify(openApi());
  app.get('/openapi.json', ({ req }) => {
    gate.checkToken(req.raw.headers);
    return new Response(description, { headers: { 'content-type': 'application/json' } });
  });
  if (parts.training) addTraining(app, parts.training);
  app.get('*', ({ req }) => {
    const file = page?.get(req.path);
    if (!file) throw notFound(req.path);
    return new Response(file.bytes, { headers: file.headers });
  });
  app.notFound(({ req }) => problemResponse(problemOf(notFound(req.path))));
  app.onError((error) => failed(parts, error));
  return app;
}

function notFound(path: string): HttpError {
  const remedy = 'GET /openapi.json lists what there is';
  return new HttpError(404, { where: path.slice(0, 200), expected: 'a known address', got: 'another', remedy });
}

function failed({ onError }: AppParts, error: unknown, path?: string): Response {
  const problem = problemOf(error);
  if (problem.status === 500 || (problem.status === 503 && !(error instanceof HttpError))) onError(error);
  // clients of OpenAI's look for the message there
  const shape =
    path === OPERATIONS.openAiEmbeddings.path ? { error: { message: problem.detail, type: problem.type } } : {};
  return problemResponse({ ...problem, ...shape });
}

/** Counts and times an operation, and makes an answer of whatever comes of it. */
async function answered(parts: AppParts, operation: OperationName, work: () => Promise<object>): Promise<Response> {
  const stop = parts.metrics.seconds.startTimer({ operation });
  let response: Response;
  try {
    const result = await work();
    response =
      result instanceof Response ? result : Response.json(result, { headers: { 'cache-control': 'no-store' } });
  } catch (error) {
    response = failed(parts, error, OPERATIONS[operation].path);
  }
  stop();
  parts.metrics.requests.inc({ operation, status: response.status });
  return response;
}

async function run(
  { bodies, service }: AppParts,
  operation: Operation,
  handler: (asked: Asked<never>) => Promise<object>,
  request: Request,
): Promise<object> {
  const controller = new AbortController();
  const { signal } = controller;
  const gone = () => controller.abort(new HttpError(408, { where: operation.path, problem: 'the client is gone' }));
  request.signal.addEventListener('abort', gone);
  let timer: NodeJS.Timeout | undefined;
  const work = async (body: unknown): Promise<object> => {
    const query =
      operation.query &&
      checked(operation.query, Object.fromEntries(new URL(request.url).searchParams), operation.path);
    // the time to answer begins when all has come in
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new HttpError(503, { where: operation.path, problem: 'it took too long' });
        controller.abort(error);
        reject(error);
      }, service.limits.seconds * 1000);
    });
    return Promise.race([handler({ body, query, request, signal } as Asked<never>), late]);
  };
  try {
    return operation.body ? await bodies.with(request, operation, work) : await work(undefined);
  } catch (error) {
    if (signal.aborted && !isDiptychError(error)) throw signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', gone);
  }
}

/** Lets in so many requests at once. */
class Admission {
  readonly #most: number;
  #there = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async admit<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#there >= this.#most) {
      throw new HttpError(429, { where: 'serve', problem: `${this.#most} requests are being answered` });
    }
    this.#there++;
    try {
      return await work();
    } finally {
      this.#there--;
    }
  }
}
