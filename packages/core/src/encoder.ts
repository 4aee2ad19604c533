import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Context } from './random.js';
import type { Stateful } from './stateful.js';

/** Token ids on the device: int32 [B, T] each. */
export interface TextInput {
  readonly inputIds: Tensor2D;
  /** 1 for a real token, 0 for padding. */
  readonly attentionMask: Tensor2D;
  readonly tokenTypeIds?: Tensor2D;
  /** float32 [B, F]: vectors computed before, for an encoder that is only a head on them. */
  readonly features?: Tensor2D;
}

/** Pixels on the device: float32 [B, height, width, 3], channels last. */
export type ImageInput = Tensor4D;

/** What an encoder gives to fusions and losses. */
export interface EncoderOutput {
  /** One vector an item, [B, D]. */
  readonly pooled: Tensor2D;
  /** The tokens behind it, [B, T, D]: text tokens, or the last grid of an image network row by row. */
  readonly sequence: Tensor3D;
  /** float32 [B, T], 1 where the sequence holds a real token; absent where all are real. */
  readonly mask?: Tensor2D;
}

/**
 * One tower: turns a batch into vectors of width `embedDim`. It runs inside `tf.tidy` and disposes nothing itself.
 */
export interface Encoder<Input> extends Stateful {
  /** D, the width of `pooled` and `sequence`. */
  readonly embedDim: number;
  encode(input: Input, context: Context): EncoderOutput;
}

/** An encoder of pictures. */
export type ImageEncoder = Encoder<ImageInput>;

/** An encoder of texts. */
export type TextEncoder = Encoder<TextInput>;
