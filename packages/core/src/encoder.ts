import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Context } from './random.js';
import { checkShape } from './shapes.js';
import type { Stateful } from './stateful.js';

/** Token ids on the device: int32 [B, T] each. */
export type TextInput = {
  readonly inputIds: Tensor2D;
  /** 1 for a real token, 0 for padding. */
  readonly attentionMask: Tensor2D;
  readonly tokenTypeIds?: Tensor2D;
  /** float32 [B, F]: vectors computed before, for an encoder that is only a head on them. */
  readonly features?: Tensor2D;
};

/** Pixels on the device: float32 [B, height, width, 3], channels last. */
export type ImageInput = Tensor4D;

/** {@link TextInput} of tensors as tfjs types what it returns, `Tensor<Rank>`: ranks are checked at run time. */
export type TextTensors = { readonly [Name in keyof TextInput]: Tensor };

// types, not interfaces: only these pass as a TensorContainer, for tf.tidy, tf.dispose and compile

/**
 * What an encoder gives. Tensors of any rank by type, so that what tfjs returns needs no cast; {@link checkEncoded} makes
 * sure of the shapes that are said here.
 */
export type EncoderOutput = {
  /** One vector an item, [B, D]. */
  readonly pooled: Tensor;
  /** The tokens behind it, [B, T, D]: text tokens, or the last grid of an image network row by row. */
  readonly sequence: Tensor;
  /** float32 [B, T], 1 where the sequence holds a real token; absent where all are real. */
  readonly mask?: Tensor;
};

/** An {@link EncoderOutput} whose shapes were checked: what fusions and losses get. */
export type Encoded = {
  /** One vector an item, [B, D]. */
  readonly pooled: Tensor2D;
  /** The tokens behind it, [B, T, D]. */
  readonly sequence: Tensor3D;
  /** float32 [B, T], 1 where the sequence holds a real token; absent where all are real. */
  readonly mask?: Tensor2D;
};

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
export interface TextEncoder extends Encoder<TextInput> {
  /** Token ids run from 0 to one less; where it is known, a trainer looks at the ids before a step reads past the table. */
  readonly vocabSize?: number;
}

/**
 * Checks what an encoder gave.
 *
 * @param where the place that an error names, e.g. `MultiModalEncoder.encodeImage`
 * @returns the same object
 * @throws ShapeError unless `pooled` is [B, embedDim], `sequence` [B, T, embedDim] and `mask`, if there is one, [B, T]
 */
export function checkEncoded(where: string, output: EncoderOutput, embedDim: number): Encoded {
  const { pooled, sequence, mask } = output;
  const { B } = checkShape(where, 'pooled', pooled, ['B', embedDim]);
  const { T } = checkShape(where, 'sequence', sequence, [B!, 'T', embedDim]);
  if (mask) checkShape(where, 'mask', mask, [B!, T!]);
  return output as Encoded;
}

/**
 * Checks token ids on their way to a text encoder.
 *
 * @returns the same object
 * @throws ShapeError unless ids, mask and types are [B, T] of one size
 */
export function checkTextTensors(where: string, text: TextTensors): TextInput {
  const { inputIds, attentionMask, tokenTypeIds, features } = text;
  const { B, T } = checkShape(where, 'inputIds', inputIds, ['B', 'T']);
  checkShape(where, 'attentionMask', attentionMask, [B!, T!]);
  if (tokenTypeIds) checkShape(where, 'tokenTypeIds', tokenTypeIds, [B!, T!]);
  if (features) checkShape(where, 'features', features, [B!, 'F']);
  return text as TextInput;
}
