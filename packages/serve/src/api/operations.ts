import type * as v from 'valibot';
import * as schemas from './schemas.js';

/** One thing that the server does: what comes in, what goes out. Routes, the client and /openapi.json are all made of these. */
export interface Operation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly summary: string;
  readonly body?: v.GenericSchema;
  /** Fields of the body that hold pictures, and may be parts of multipart/form-data. */
  readonly pictures?: readonly string[];
  readonly query?: v.GenericSchema;
  /** JSON of this schema, or a type of content. */
  readonly result: v.GenericSchema | string;
  /** Answered without a token. */
  readonly open?: boolean;
}

export const OPERATIONS = {
  embed: {
    method: 'post',
    path: '/embed',
    summary: 'Vectors of texts and pictures, each of length 1',
    body: schemas.EmbedBody,
    pictures: ['images'],
    result: schemas.EmbedResult,
  },
  search: {
    method: 'post',
    path: '/search',
    summary:
      'Pictures of the index by words, a picture, both, or more like others; without a query all, typical ones first',
    body: schemas.SearchBody,
    pictures: ['image'],
    result: schemas.SearchResult,
  },
  match: {
    method: 'post',
    path: '/match',
    summary: 'How likely pictures and a text belong together, by the fused matcher',
    body: schemas.MatchBody,
    pictures: ['images'],
    result: schemas.MatchResult,
  },
  attention: {
    method: 'post',
    path: '/attention',
    summary: 'Where the fusion looks in a picture for each word of a text',
    body: schemas.AttentionBody,
    pictures: ['image'],
    result: schemas.AttentionResult,
  },
  openAiEmbeddings: {
    method: 'post',
    path: '/v1/embeddings',
    summary: "Vectors of texts, in the form of OpenAI's embeddings",
    body: schemas.OpenAiBody,
    result: schemas.OpenAiResult,
  },
  models: {
    method: 'get',
    path: '/v1/models',
    summary: "The one model, in the form of OpenAI's list",
    result: schemas.ModelsResult,
  },
  info: {
    method: 'get',
    path: '/info',
    summary: 'The model and the index: columns, values',
    result: schemas.InfoResult,
  },
  picture: {
    method: 'get',
    path: '/picture',
    summary: "A picture's file",
    query: schemas.PictureQuery,
    result: 'image/*',
  },
  thumbnail: {
    method: 'get',
    path: '/thumbnail',
    summary: 'A picture made small',
    query: schemas.ThumbnailQuery,
    result: 'image/webp',
  },
  health: {
    method: 'get',
    path: '/healthz',
    summary: 'Whether the model answers',
    result: schemas.HealthResult,
    open: true,
  },
  metrics: { method: 'get', path: '/metrics', summary: "Prometheus' metrics", result: 'text/plain' },
  session: {
    method: 'post',
    path: '/session',
    summary: 'A cookie for the token, so that a browser can show pictures',
    body: schemas.SessionBody,
    result: 'text/plain',
    open: true,
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** The table of operations. */
export type Operations = typeof OPERATIONS;
/** A name of `OPERATIONS`. */
export type OperationName = keyof Operations;
type Schema<Name extends OperationName, Part extends string> = Operations[Name] extends {
  readonly [P in Part]: infer S;
}
  ? S
  : never;

/** What a client sends. */
export type InputOf<Name extends OperationName> =
  Schema<Name, 'body'> extends v.GenericSchema ? v.InferInput<Schema<Name, 'body'>> : undefined;
/** The same once it is checked and has its defaults. */
export type BodyOf<Name extends OperationName> =
  Schema<Name, 'body'> extends v.GenericSchema ? v.InferOutput<Schema<Name, 'body'>> : undefined;
/** What stands in the address. */
export type QueryOf<Name extends OperationName> =
  Schema<Name, 'query'> extends v.GenericSchema ? v.InferOutput<Schema<Name, 'query'>> : undefined;
/** What the server answers: JSON, or a response as it came. */
export type ResultOf<Name extends OperationName> =
  Schema<Name, 'result'> extends v.GenericSchema ? v.InferOutput<Schema<Name, 'result'>> : Response;
