import { type MatrixData, permutation, takeRows } from '@diptych/core';
import {
  cosineSimilarity,
  matchingAccuracy,
  type PairScorer,
  type RetrievalScores,
  rerank,
  retrieval,
} from '@diptych/metrics';
import { scorerOf } from '@diptych/train';
import type { JointModel, Matrix } from 'diptych';
import type { Embedded } from './method.js';
import type { MetricsFile, RetrievalFigures } from './metrics-file.js';

/** How many of the best by cosine the matcher orders anew. */
const RERANKED = 50;

/** The part of `metrics.json` that evaluation gives. */
export type Evaluation = Pick<
  MetricsFile,
  'textToImage' | 'imageToText' | 'matching' | 'rerank' | 'chance' | 'candidates'
>;

/**
 * Evaluates both directions, the matcher and re-ranking on held-out pairs. Pairs of one picture, and pairs of one caption, are right answers
 * to each other.
 */
export async function evaluate(model: JointModel, { pairs, image, text }: Embedded, seed: number): Promise<Evaluation> {
  const [candidates] = image.shape;
  const ids = pairs.map((pair) => [`image ${pair.image}`, `text ${pair.text.trim().toLowerCase()}`]);
  const { textToImage, imageToText } = await retrieval(image, text, { imageIds: ids, textIds: ids });
  const shuffled = takeRows(image, permutation(candidates, seed, 0, 'example.shuffled'));
  const chance = (k: number) => Math.min(1, k / candidates);
  return {
    textToImage: figures(textToImage),
    imageToText: figures(imageToText),
    matching: {
      accuracy: await matchingAccuracy(image, text, matcherOf(model, image, text)),
      shuffled: await matchingAccuracy(shuffled, text, matcherOf(model, shuffled, text)),
    },
    rerank: { 'recall@1': await rerankedRecall(model, image, text) },
    chance: { 'recall@1': chance(1), 'recall@5': chance(5), 'recall@10': chance(10) },
    candidates,
  };
}

/** Rank of each caption's own picture by cosine, from 1; the others that score as high stand before it. */
export function ownRanks(image: Matrix, text: Matrix): number[] {
  const scores = cosineSimilarity(text, image);
  return Array.from({ length: text.shape[0] }, (_, i) => {
    const row = scores.row(i);
    return row.reduce((rank, score, j) => (j !== i && score >= row[i]! ? rank + 1 : rank), 1);
  });
}

/** Text to image R@1 after the matcher looked at the best by cosine again. */
async function rerankedRecall(model: JointModel, image: Matrix, text: Matrix): Promise<number> {
  const score = matcherOf(model, image, text);
  const ordered = await rerank(text, image, score, { top: RERANKED, scale: await model.logitScale() });
  // pessimistic, as the ranks of retrieval: an equal score of another picture stands first
  const hits = ordered.filter(({ indices, scores }, query) => indices[0] === query && !(scores[1]! >= scores[0]!));
  return hits.length / ordered.length;
}

/**
 * The matcher on rows of these embeddings: the job's fusion reads pooled vectors at unit length times a constant, so stored
 * embeddings are all it needs.
 */
export function matcherOf(model: JointModel, image: MatrixData, text: MatrixData): PairScorer {
  return scorerOf(model.encoder, { image: { pooled: image }, text: { pooled: text } });
}

function figures(scores: RetrievalScores): RetrievalFigures {
  return {
    'recall@1': scores['recall@1']!,
    'recall@5': scores['recall@5']!,
    'recall@10': scores['recall@10']!,
    medianRank: scores.medianRank,
  };
}
