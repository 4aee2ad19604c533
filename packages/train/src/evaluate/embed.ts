import {
  ConfigError,
  type Context,
  checkOptions,
  type Encoded,
  type EncoderOutput,
  type Fused,
  type ImageInput,
  inference,
  Matrix,
  type OptionNames,
  type PairBatch,
  type TextInput,
} from '@diptych/core';
import { l2Normalize } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import type { BatchSource } from '../batches/batch-source.js';
import { captionKeys } from '../batches/caption-keys.js';
import { type DeviceBatch, type DeviceTexts, normalizedPixels, textOf } from '../batches/device-batch.js';
import { checkModel, checkSource } from '../check-model.js';
import { predictionsOf } from '../heads/predictions.js';
import { fusedOutputs, type Relating, relate } from './fused-outputs.js';
import { compiledFor, type HostTensor, runInOrder } from './run-in-order.js';

/** What {@link embed} asks of a model. */
export interface EmbeddingModel {
  encodeImage(pixels: ImageInput, context: Context): Encoded;
  encodeText(text: TextInput, context: Context): Encoded;
  /** Joint vectors of a side alone, for a fusion with placeholders. */
  fuse?(image: EncoderOutput | undefined, text: EncoderOutput | undefined, context: Context): Fused;
}

/** What {@link embed} can give: a tower's vectors, the joint ones, or [rows, 1] the matcher's logit of each pair. */
export type EmbedOutput = 'image' | 'text' | 'fused' | 'match';

/** Options of {@link embed}. */
export interface EmbedOptions<Output extends EmbedOutput = EmbedOutput> {
  /** Default `['image', 'text']`. `fused` needs a model with a fusion, `match` one with a matcher as well. */
  readonly outputs?: readonly Output[];
  /** Scale the towers' vectors to length 1; default true. Fused vectors stay as they are. */
  readonly normalize?: boolean;
  /** What the model's heads say of each pair, as `predictions`. Default false. */
  readonly predictions?: boolean;
  /** A side that is not there: `fused` is what the fusion makes of the other one and its placeholder. */
  readonly without?: 'image' | 'text' | undefined;
  /** At most this many pairs, the first ones. Default: all. */
  readonly pairs?: number;
  /** Rows before this one are read, but not embedded. Default 0. */
  readonly from?: number;
  /** After each batch, with the pairs done so far. */
  readonly onProgress?: ((pairs: number) => void) | undefined;
  /** Ends after the current batch when aborted. */
  readonly signal?: AbortSignal;
}

/** The rows of a batch: row i of everything is pair `first + i` of the source. */
export type EmbeddedBlock<Output extends EmbedOutput = 'image' | 'text'> = {
  /** Number of the first row in the source. */
  readonly first: number;
  readonly ids: readonly string[];
  /** A key of each pair's caption, equal where captions are equal to the text tower. */
  readonly captions: readonly string[];
  readonly labels?: PairBatch['labels'];
  /** By head, [rows, C]: logits of classes, or numbers. */
  readonly predictions?: { readonly [head: string]: Matrix };
} & { readonly [Name in Output]: Matrix };

const OPTIONS: OptionNames<EmbedOptions> = {
  outputs: 'optional',
  normalize: 'optional',
  predictions: 'optional',
  without: 'optional',
  pairs: 'optional',
  from: 'optional',
  onProgress: 'optional',
  signal: 'optional',
};

/**
 * Embeds the pairs of a source, a block a batch: every row once, in the source's order, without augmentation. What it compiles for
 * a model is kept with the model and used again.
 *
 * ```ts
 * for await (const { ids, image } of embed(model, loader, { outputs: ['image'] })) await store(ids, image.data);
 * ```
 *
 * @throws ConfigError for `fused` of a model without a fusion, or `match` of one without a matcher
 */
export async function* embed<Output extends EmbedOutput = 'image' | 'text'>(
  model: EmbeddingModel & Partial<Relating>,
  source: BatchSource,
  options: EmbedOptions<Output> = {},
): AsyncGenerator<EmbeddedBlock<Output>, void, undefined> {
  checkModel('train.embed: model', model);
  checkSource('train.embed', source);
  checkOptions('train.embed', options, OPTIONS as OptionNames<EmbedOptions<Output>>);
  const { normalize = true, pairs = Number.POSITIVE_INFINITY, without, predictions = false } = options;
  const outputs: readonly EmbedOutput[] = options.outputs ?? ['image', 'text'];
  const wants = (output: EmbedOutput) => outputs.includes(output);
  const fuses = wants('fused') || wants('match');
  const scaled = ({ pooled }: Encoded) => (normalize ? l2Normalize(pooled) : pooled);
  const run =
    fuses || predictions
      ? compiledFor(
          model,
          `embed ${[...outputs].sort().join()} ${normalize} ${without} ${predictions}`,
          (batch: DeviceBatch) => {
            const reads = (side: 'image' | 'text') => wants(side) || predictions || (fuses && without !== side);
            const image = reads('image') ? model.encodeImage(normalizedPixels(batch), inference) : undefined;
            const text = reads('text') ? model.encodeText(textOf(batch), inference) : undefined;
            const rows: { [name: string]: tf.Tensor } = {};
            if (image && wants('image')) rows.image = scaled(image);
            if (text && wants('text')) rows.text = scaled(text);
            if (fuses) {
              const { fused } = fusePair(model, image, text, without);
              if (wants('fused')) rows.fused = fused;
              if (wants('match')) rows.match = tf.reshape(matchLogits(model, image, text, fused), [-1, 1]);
            }
            if (predictions) {
              const said = predictionsOf(relate(model, image!, text!));
              for (const [head, values] of Object.entries(said)) rows[SAID + head] = values;
            }
            return rows;
          },
        )
      : eachTower(model, { image: wants('image'), text: wants('text') }, scaled, String(normalize));
  for await (const { first, batch, values } of runInOrder(source, run, options)) {
    if (first >= pairs) return;
    if (!values) continue;
    const begin = Math.max(0, (options.from ?? 0) - first);
    const end = Math.min(batch.size, pairs - first);
    const rows = Object.entries(values).map(([name, value]) => [name, rowsOf(value, begin, end)] as const);
    const said = rows.filter(([name]) => name.startsWith(SAID));
    yield {
      first: first + begin,
      ids: batch.ids.slice(begin, end),
      captions: captionKeys(batch.tokens).slice(begin, end),
      ...(batch.labels && { labels: labelRows(batch, begin, end) }),
      ...(said.length > 0 && {
        predictions: Object.fromEntries(said.map(([name, matrix]) => [name.slice(SAID.length), matrix])),
      }),
      ...(Object.fromEntries(rows.filter(([name]) => !name.startsWith(SAID))) as { [Name in Output]: Matrix }),
    };
    options.onProgress?.(first + end);
    if (first + batch.size >= pairs) return;
  }
}

/**
 * Each tower as a function of its own: one for both would be compiled, with the weights of both, for each size of pictures and length of
 * texts that meet.
 */
function eachTower(
  model: EmbeddingModel,
  wanted: { readonly image: boolean; readonly text: boolean },
  scaled: (encoded: Encoded) => tf.Tensor,
  key: string,
): (batch: DeviceBatch) => { [name: string]: tf.Tensor } {
  const ofImage = compiledFor(model, `embed image ${key}`, (pixels: Pick<DeviceBatch, 'pixels' | 'normalize'>) =>
    scaled(model.encodeImage(normalizedPixels(pixels), inference)),
  );
  const ofText = compiledFor(model, `embed text ${key}`, (texts: DeviceTexts) =>
    scaled(model.encodeText(textOf(texts), inference)),
  );
  return ({ pixels, normalize, inputIds, attentionMask, tokenTypeIds, textFeatures }) => ({
    ...(wanted.image && { image: ofImage({ pixels, normalize }) }),
    ...(wanted.text && { text: ofText({ inputIds, attentionMask, tokenTypeIds, textFeatures }) }),
  });
}

/** Begins the names of what heads say. */
const SAID = 'predictions.';

/** Joint vectors of a batch, or of one side of it. */
function fusePair(
  model: EmbeddingModel & Partial<Relating>,
  image: Encoded | undefined,
  text: Encoded | undefined,
  without: 'image' | 'text' | undefined,
): Fused {
  if (!without) return fusedOutputs(model, image!, text!, 'train.embed').fuse();
  if (model.fuse)
    return model.fuse(without === 'image' ? undefined : image, without === 'text' ? undefined : text, inference);
  throw new ConfigError({
    where: 'train.embed',
    problem: `this model cannot fuse pairs without the ${without}`,
    remedy: 'give it a method fuse(image | undefined, text | undefined, context), as MultiModalEncoder has',
  });
}

/** The matcher's logits, [rows], of joint vectors. */
function matchLogits(
  model: Partial<Relating>,
  image: Encoded | undefined,
  text: Encoded | undefined,
  fused: tf.Tensor2D,
): tf.Tensor1D {
  if (image && text) return fusedOutputs(model, image, text, 'train.embed').matchLogits(fused);
  throw new ConfigError({
    where: 'train.embed',
    problem: 'a match needs both sides',
    remedy: "leave `without` out, or ask for 'fused' alone",
  });
}

/**
 * Where a model's fusion looks in each pair of a source's first batch: attention maps by name, [B, heads, queries, keys] each.
 *
 * @throws ConfigError if the model has no fusion
 */
export async function attentionMaps(
  model: EmbeddingModel & Relating,
  source: BatchSource,
): Promise<{ readonly [name: string]: HostTensor }> {
  checkModel('train.attentionMaps: model', model);
  checkSource('train.attentionMaps', source);
  const run = compiledFor(model, 'attention', (batch: DeviceBatch) => {
    const image = model.encodeImage(normalizedPixels(batch), inference);
    const text = model.encodeText(textOf(batch), inference);
    const { attention = {} } = fusedOutputs(model, image, text, 'train.attentionMaps').fuse();
    return { ...attention };
  });
  for await (const { values } of runInOrder(source, run)) return values!;
  return {};
}

/** What {@link embedPairs} gives: all blocks of {@link embed} as one. */
export type EmbeddedSource<Output extends EmbedOutput = 'image' | 'text'> = Omit<EmbeddedBlock<Output>, 'first'>;

/** {@link embed} for what fits in memory: all rows at once. */
export async function embedPairs<Output extends EmbedOutput = 'image' | 'text'>(
  model: EmbeddingModel & Partial<Relating>,
  source: BatchSource,
  options: EmbedOptions<Output> = {},
): Promise<EmbeddedSource<Output>> {
  const names: readonly EmbedOutput[] = options?.outputs ?? ['image', 'text'];
  const blocks: EmbeddedBlock<Output>[] = [];
  for await (const block of embed(model, source, options)) blocks.push(block);
  const matrices = names.map((name) => [
    name,
    Matrix.concat(blocks.map((block) => (block as EmbeddedBlock<EmbedOutput>)[name])),
  ]);
  const joined: object = {
    ids: blocks.flatMap(({ ids }) => ids),
    captions: blocks.flatMap(({ captions }) => captions),
    ...joinLabels(blocks),
    ...joinPredictions(blocks),
    ...Object.fromEntries(matrices),
  };
  return joined as EmbeddedSource<Output>;
}

function rowsOf({ data, shape }: HostTensor, begin: number, end: number): Matrix {
  const width = shape[1]!;
  return new Matrix(data.subarray(begin * width, end * width), [end - begin, width]);
}

function labelRows({ labels = {}, size }: PairBatch, begin: number, end: number): NonNullable<PairBatch['labels']> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, values]) => {
      const width = values.length / size;
      return [name, values.slice(begin * width, end * width)];
    }),
  );
}

function joinPredictions(blocks: readonly Pick<EmbeddedBlock, 'predictions'>[]): Pick<EmbeddedBlock, 'predictions'> {
  const heads = Object.keys(blocks[0]?.predictions ?? {});
  if (heads.length === 0) return {};
  const join = (head: string) => Matrix.concat(blocks.map(({ predictions }) => predictions![head]!));
  return { predictions: Object.fromEntries(heads.map((head) => [head, join(head)])) };
}

function joinLabels(blocks: readonly Pick<EmbeddedBlock, 'labels'>[]): Pick<EmbeddedBlock, 'labels'> {
  const first = blocks[0]?.labels;
  if (!first) return {};
  const join = (name: string) => {
    const parts = blocks.map(({ labels }) => labels![name]!);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const joined = parts[0] instanceof Int32Array ? new Int32Array(length) : new Float32Array(length);
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  };
  return { labels: Object.fromEntries(Object.keys(first).map((name) => [name, join(name)])) };
}
