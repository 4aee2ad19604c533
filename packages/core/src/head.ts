import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import type { Matrix, MatrixData } from './matrix.js';
import type { Stateful } from './stateful.js';

/** What is known of some items: [N] with one number each, or [N, C] row by row. */
export type LabelNumbers = Float32Array | Int32Array;

/** Reads labels out of a pair's vector: a class, several labels, or numbers. */
export interface Head extends Stateful {
  /** Width of what it reads. */
  readonly embedDim: number;
  /** The vector that it reads: the joint one, or a tower's. */
  readonly on: 'fused' | 'image' | 'text';
  /** [B, embedDim] -> what {@link loss}, {@link metrics} and {@link values} take, [B, C]. */
  forward(vectors: Tensor2D): Tensor;
  /**
   * Looks over a batch's labels before a step.
   *
   * @param rows pairs of the batch
   * @throws ShapeError, InputError for labels that the head cannot learn: a class that it does not have
   */
  checkLabels?(labels: LabelNumbers, rows: number): void;
  /** A scalar; rows without a label do not count. `labels` is [B] or [B, C]. */
  loss(predictions: Tensor, labels: Tensor): Tensor;
  /** Numbers of an evaluation by name; rows without a label do not count. */
  metrics(predictions: MatrixData, labels: LabelNumbers): Readonly<Record<string, number>>;
  /** What a user reads: probabilities of classes, or numbers. */
  values(predictions: MatrixData): Matrix;
}
