import { type Context, inference, Matrix } from '@diptych/core';
import {
  type EmbeddedPairs,
  type RetrievalOptions,
  type RetrievalReport,
  retrieval,
  uniformity,
} from '@diptych/metrics';
import { compile, l2Normalize } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import type { TrainableModel } from '../trainable-model.js';
import { type DeviceBatch, normalizedPixels, toDevice } from './device-batch.js';
import type { BatchSource } from './options.js';
import { textOf } from './training-step.js';

/** Options of {@link embedPairs}. */
export interface EmbedOptions {
  /** Epoch of the source that is read; default 0. */
  readonly epoch?: number;
  /** At most this many batches. Default: all. */
  readonly batches?: number;
  /** At most this many pairs, the first ones. Default: all. */
  readonly pairs?: number;
  /** Scale vectors to length 1; default true. A fusion that does not normalise its inputs wants them as they are. */
  readonly normalize?: boolean;
  readonly signal?: AbortSignal;
}

/** Embeds every pair of a source with both towers, batch by batch. */
export async function embedPairs(
  model: TrainableModel,
  source: BatchSource,
  options: EmbedOptions = {},
): Promise<EmbeddedPairs> {
  const { epoch = 0, batches = Number.POSITIVE_INFINITY, pairs = Number.POSITIVE_INFINITY } = options;
  const { normalize = true, signal } = options;
  const context: Context = inference;
  const scaled = (pooled: tf.Tensor2D) => (normalize ? l2Normalize(pooled) : pooled);
  const both = compile((batch: DeviceBatch) => ({
    image: scaled(model.encodeImage(normalizedPixels(batch), context).pooled),
    text: scaled(model.encodeText(textOf(batch), context).pooled),
  }));
  const ids: string[] = [];
  const parts: { image: Float32Array; text: Float32Array }[] = [];
  let width = 0;
  let count = 0;
  try {
    for await (const batch of source.epoch(epoch)) {
      if (signal?.aborted || count++ >= batches || ids.length >= pairs) break;
      const onDevice = toDevice(batch);
      const { image, text } = both(onDevice);
      width = image.shape[1];
      parts.push({ image: (await image.data()) as Float32Array, text: (await text.data()) as Float32Array });
      ids.push(...batch.ids);
      tf.dispose([image, text, onDevice as unknown as tf.TensorContainer]);
    }
  } finally {
    both.dispose();
  }
  const rows = Math.min(ids.length, pairs);
  const join = (of: 'image' | 'text'): Matrix => {
    const data = new Float32Array(ids.length * width);
    let at = 0;
    for (const part of parts) {
      data.set(part[of], at);
      at += part[of].length;
    }
    return new Matrix(data.subarray(0, rows * width), [rows, width]);
  };
  return { image: join('image'), text: join('text'), ids: ids.slice(0, rows) };
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions extends EmbedOptions, Pick<RetrievalOptions, 'ks' | 'blockBytes'> {}

/** What an evaluation found. */
export interface Evaluation extends RetrievalReport {
  /**
   * Uniformity of each tower's vectors (Wang and Isola 2020), lower is more spread out. A tower that overfits spreads its
   * training items and crowds unseen ones: compare the two.
   */
  readonly towers: { readonly image: { readonly uniformity: number }; readonly text: { readonly uniformity: number } };
  readonly pairs: number;
}

/** Retrieval both ways over all pairs of a source; pairs with equal ids are relevant to each other. */
export async function evaluate(
  model: TrainableModel,
  source: BatchSource,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { image, text, ids } = await embedPairs(model, source, options);
  const report = await retrieval(image, text, { ...options, imageIds: ids, textIds: ids });
  return {
    ...report,
    towers: { image: { uniformity: uniformity(image) }, text: { uniformity: uniformity(text) } },
    pairs: ids.length,
  };
}

/** An evaluation as numbers by name (`textToImage.recall@1`), for `validate.run`. */
export function flatMetrics(value: object, prefix = ''): Record<string, number> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]): [string, number][] =>
      typeof entry === 'number'
        ? [[prefix + key, entry]]
        : typeof entry === 'object' && entry !== null
          ? Object.entries(flatMetrics(entry, `${prefix}${key}.`))
          : [],
    ),
  );
}
