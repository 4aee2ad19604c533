import * as v from 'valibot';

/** Most texts, pictures or ids of a request. */
const MOST_ITEMS = 256;
/** Most texts in the form of OpenAI's, whose clients send so many. */
const MOST_OPENAI = 2048;
/** Most characters of a text. */
const MOST_TEXT = 8192;
/** Most results that can be paged through. */
export const MOST_RESULTS = 100_000;
/** Filters that lie in each other. */
const FILTER_DEPTH = 16;

/** Names a picture in JSON Schema, where there is no type for bytes. */
export const PICTURE = 'an encoded picture in base64, or a part of multipart/form-data';

const Picture = v.pipe(
  v.custom<string | Uint8Array>(
    (value) => (typeof value === 'string' && value !== '') || value instanceof Uint8Array,
    `expected ${PICTURE}`,
  ),
  v.description(PICTURE),
);
const Text = v.pipe(v.string(), v.nonEmpty(), v.maxLength(MOST_TEXT));
const Id = v.pipe(v.string(), v.nonEmpty(), v.maxLength(4096));
const few = <Item extends v.GenericSchema>(item: Item) => v.pipe(v.array(item), v.maxLength(MOST_ITEMS));
const wholeNumber = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const Weight = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(100));
const Vector = v.array(v.number());
const Metadata = v.record(v.string(), v.unknown());

const FilterSchema = v.pipe(
  v.record(v.string(), v.unknown()),
  v.check((filter) => isShallow(filter, FILTER_DEPTH), `expected filters in at most ${FILTER_DEPTH} levels`),
  v.description('columns with values, null, or { in, gt, gte, lt, lte }; $or, $not'),
);

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((part) => isShallow(part, levels - 1));
}

export const EmbedBody = v.strictObject({ texts: v.optional(few(Text)), images: v.optional(few(Picture)) });
export const EmbedResult = v.object({
  embedDim: v.number(),
  texts: v.optional(v.array(Vector)),
  images: v.optional(v.array(Vector)),
});

export const SearchBody = v.strictObject({
  /** Words to look for. */
  text: v.optional(Text),
  /** A picture to look for. */
  image: v.optional(Picture),
  /** Ids of pictures to look for more like. */
  like: v.optional(few(Id)),
  /** Words of what is not wanted. */
  not: v.optional(few(Text)),
  /** How much each counts, as a factor on its vector of length 1. */
  weights: v.optional(
    v.strictObject({
      text: v.optional(Weight, 1),
      image: v.optional(Weight, 1),
      like: v.optional(Weight, 1),
      not: v.optional(Weight, 0.5),
    }),
    {},
  ),
  filter: v.optional(FilterSchema),
  k: v.optional(wholeNumber(1, MOST_RESULTS), 24),
  offset: v.optional(wholeNumber(0, MOST_RESULTS), 0),
  /** Results have to score above it. */
  minScore: v.optional(v.pipe(v.number(), v.finite())),
  /** Results whose cosine with an earlier one is above it, or whose files are equal, are folded under that one. */
  fold: v.optional(v.pipe(v.number(), v.minValue(0.5), v.maxValue(1))),
});
const Hit = v.object({ id: v.string(), score: v.number(), metadata: Metadata });
export const SearchResult = v.object({
  hits: v.array(v.object({ ...Hit.entries, duplicates: v.optional(v.array(Hit)) })),
  /** Rows that the filter leaves. */
  total: v.number(),
});

export const MatchBody = v.strictObject({
  text: Text,
  images: v.optional(few(Picture)),
  /** Of pictures in the index. */
  ids: v.optional(few(Id)),
});
export const MatchResult = v.object({
  /** Of the pictures, then of the ids, between 0 and 1. */
  probabilities: v.array(v.number()),
});

export const AttentionBody = v.strictObject({
  text: Text,
  /** One of the two. */
  image: v.optional(Picture),
  /** Of a picture in the index. */
  id: v.optional(Id),
});
export const AttentionResult = v.object({
  /** Each with its place in the text, and the share of its attention that each part of the picture has, row by row. */
  words: v.array(v.object({ text: v.string(), start: v.number(), end: v.number(), map: Vector })),
  rows: v.number(),
  columns: v.number(),
  /** The part of the picture that the grid lies over, as shares of its width and height. */
  region: v.object({ left: v.number(), top: v.number(), right: v.number(), bottom: v.number() }),
});

export const OpenAiBody = v.object({
  input: v.union(
    [Text, v.pipe(v.array(Text), v.minLength(1), v.maxLength(MOST_OPENAI))],
    `expected a text, or 1 to ${MOST_OPENAI} texts; not tokens, which are each model's own (LangChain: check_embedding_ctx_length=False)`,
  ),
  // clients send null for what they leave out
  model: v.nullish(v.string(), 'diptych'),
  encoding_format: v.nullish(v.picklist(['float', 'base64']), 'float'),
  dimensions: v.nullish(v.number()),
  user: v.nullish(v.string()),
});
export const OpenAiResult = v.object({
  object: v.literal('list'),
  model: v.string(),
  data: v.array(
    v.object({ object: v.literal('embedding'), index: v.number(), embedding: v.union([Vector, v.string()]) }),
  ),
  usage: v.object({ prompt_tokens: v.number(), total_tokens: v.number() }),
});

export const ModelsResult = v.object({
  object: v.literal('list'),
  data: v.array(
    v.object({ id: v.string(), object: v.literal('model'), created: v.number(), owned_by: v.literal('diptych') }),
  ),
});

const Column = v.object({
  name: v.string(),
  kind: v.picklist(['text', 'number', 'flag', 'list']),
  /** Of columns with few: the most frequent ones. */
  values: v.optional(v.array(v.object({ value: v.union([v.string(), v.number(), v.boolean()]), rows: v.number() }))),
  min: v.optional(v.union([v.string(), v.number()])),
  max: v.optional(v.union([v.string(), v.number()])),
});
const Indexing = v.object({
  state: v.picklist(['running', 'done', 'failed', 'stopped']),
  /** Pictures that were looked at. */
  done: v.number(),
  /** Of how many; absent where that is not known before the end. */
  total: v.optional(v.number()),
  added: v.number(),
  unchanged: v.number(),
  removed: v.number(),
  bad: v.number(),
  /** The last of those that cannot be used. */
  badPictures: v.array(v.object({ path: v.string(), reason: v.string() })),
  /** Why it failed. */
  reason: v.optional(v.string()),
});
export const InfoResult = v.object({
  embedDim: v.number(),
  matches: v.boolean(),
  /** Whether /attention has something to say. */
  attends: v.boolean(),
  pictures: v.boolean(),
  rows: v.number(),
  columns: v.array(Column),
  /** Where this server indexes, or did. */
  indexing: v.optional(Indexing),
});
export type IndexingReport = v.InferOutput<typeof Indexing>;
export const HealthResult = v.object({ status: v.picklist(['ok', 'degraded']), rows: v.number() });

export const SessionBody = v.strictObject({ token: v.pipe(v.string(), v.maxLength(4096)) });
export const PictureQuery = v.strictObject({ id: Id });
export const ThumbnailQuery = v.strictObject({
  id: Id,
  /** Longest side in pixels. */
  size: v.optional(v.pipe(v.string(), v.picklist(['160', '320', '640'])), '320'),
});

/** RFC 9457. */
export const ProblemResult = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.string(),
  code: v.optional(v.string()),
  where: v.optional(v.string()),
  expected: v.optional(v.string()),
  got: v.optional(v.string()),
  problem: v.optional(v.string()),
  remedy: v.optional(v.string()),
});
/** What went wrong: RFC 9457's problem details with the parts of diptych's errors. */
export type Problem = v.InferOutput<typeof ProblemResult>;
export type InfoColumn = v.InferOutput<typeof Column>;
