import { philox4x32 } from '@diptych/core';
import { l2Normalize } from '@diptych/nn';
import { type Embeddings, type RetrievalScores, retrieval, takeRows, topK } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { type JointModel, type Matrix, similarity } from 'diptych';
import type { MetricsFile, RetrievalFigures } from './metrics-file.js';

/** How many of the best by cosine the matcher orders anew. */
const RERANKED = 50;
/** Pairs that the matcher sees at once. */
const MATCHED_AT_ONCE = 4096;

/** The part of `metrics.json` that evaluation gives. */
export type Evaluation = Pick<
  MetricsFile,
  'textToImage' | 'imageToText' | 'matching' | 'rerank' | 'chance' | 'candidates'
>;

/**
 * Evaluates both directions, the matcher and re-ranking on held-out pairs.
 *
 * @param image [N, D], row i of pair i
 * @param text [N, D]
 */
export async function evaluate(model: JointModel, image: Matrix, text: Matrix, seed: number): Promise<Evaluation> {
  const [candidates] = image.shape;
  const { textToImage, imageToText } = await retrieval(image, text);
  const shuffled = takeRows(image, permutation(candidates, seed));
  return {
    textToImage: figures(textToImage),
    imageToText: figures(imageToText),
    matching: {
      accuracy: await matchingAccuracy(model, image, text),
      shuffled: await matchingAccuracy(model, shuffled, text),
    },
    rerank: { 'recall@1': await rerankedRecall(model, image, text) },
    chance: Object.fromEntries(
      [1, 5, 10].map((k) => [`recall@${k}`, Math.min(1, k / candidates)]),
    ) as unknown as MetricsFile['chance'],
    candidates,
  };
}

/**
 * The matcher's logits for image row `imageRows[p]` with text row `textRows[p]`.
 *
 * The example's fusion looks at the towers' pooled vectors, at unit length times a constant, so stored embeddings are all it needs.
 */
export async function matchRows(
  model: JointModel,
  image: Embeddings,
  text: Embeddings,
  imageRows: Int32Array,
  textRows: Int32Array,
): Promise<Float32Array> {
  const logits = new Float32Array(imageRows.length);
  for (let start = 0; start < logits.length; start += MATCHED_AT_ONCE) {
    const end = Math.min(start + MATCHED_AT_ONCE, logits.length);
    const part = tf.tidy(() => {
      const output = (rows: Embeddings, order: Int32Array) => {
        const chosen = takeRows(rows, order.subarray(start, end));
        const pooled = l2Normalize(tf.tensor2d(chosen.data, [...chosen.shape]));
        return { pooled, sequence: tf.expandDims(pooled, 1) as tf.Tensor3D };
      };
      const { fused } = model.encoder.fuse(output(image, imageRows), output(text, textRows));
      return model.encoder.matchLogits(fused);
    });
    logits.set(await part.data(), start);
    part.dispose();
  }
  return logits;
}

/** Rank of each caption's own picture by cosine, from 1; the others that score as high stand before it. */
export function ownRanks(image: Matrix, text: Matrix): number[] {
  const scores = similarity(text, image);
  return Array.from({ length: text.shape[0] }, (_, i) => {
    const row = scores.row(i);
    return row.reduce((rank, score, j) => (j !== i && score >= row[i]! ? rank + 1 : rank), 1);
  });
}

/** Share of pictures whose own caption the matcher scores above the towers' best wrong one. */
async function matchingAccuracy(model: JointModel, image: Embeddings, text: Embeddings): Promise<number> {
  const count = image.shape[0];
  const nearest = await topK(image, text, 2);
  const own = Int32Array.from({ length: count }, (_, i) => i);
  const wrong = Int32Array.from(nearest, ({ indices }, i) => (indices[0] === i ? indices[1]! : indices[0]!));
  const right = await matchRows(model, image, text, own, own);
  const other = await matchRows(model, image, text, own, wrong);
  return right.reduce((sum, logit, i) => sum + (logit > other[i]! ? 1 : 0), 0) / count;
}

async function rerankedRecall(model: JointModel, image: Matrix, text: Matrix): Promise<number> {
  const nearest = await topK(text, image, RERANKED);
  const textRows = Int32Array.from(nearest.flatMap(({ indices }, query) => Array<number>(indices.length).fill(query)));
  const imageRows = Int32Array.from(nearest.flatMap(({ indices }) => [...indices]));
  const logits = await matchRows(model, image, text, imageRows, textRows);
  const scale = await model.logitScale();
  let offset = 0;
  let hits = 0;
  for (const [query, { indices, scores }] of nearest.entries()) {
    const combined = Array.from(scores, (cosine, k) => scale * cosine + logits[offset + k]!);
    offset += indices.length;
    const own = indices.indexOf(query);
    // pessimistic, as the ranks of retrieval: an equal score of another picture stands first
    if (own >= 0 && combined.every((score, k) => k === own || score < combined[own]!)) hits++;
  }
  return hits / nearest.length;
}

function figures(scores: RetrievalScores): RetrievalFigures {
  return {
    'recall@1': scores['recall@1']!,
    'recall@5': scores['recall@5']!,
    'recall@10': scores['recall@10']!,
    medianRank: scores.medianRank,
  };
}

/** Rows in an order drawn by seed: sorted by their Philox words. */
function permutation(length: number, seed: number): number[] {
  const key = (row: number) => philox4x32([row, 0, 0, SHUFFLE_SITE], [seed, 0])[0];
  return Array.from({ length }, (_, row) => row).sort((a, b) => key(a) - key(b));
}

const SHUFFLE_SITE = 0x5b1f;
