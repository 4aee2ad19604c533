import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expectTypeOf, it } from 'vitest';
import {
  checkEncoded,
  type Encoder,
  type EncoderOutput,
  type FusedOutputs,
  type Fusion,
  type ImageEncoder,
  type ImageTransform,
  inference,
  type Loss,
  type PixelBatch,
  stateless,
  type TextEncoder,
  type Tokenizer,
  type TowerOutputs,
} from './index.js';

interface Parts {
  image: ImageEncoder;
  text: TextEncoder;
  fusion: Fusion;
}

// Checked by the compiler (`npm run typecheck`): each line marked as an error must be one.
function wire(parts: Parts): Parts {
  return parts;
}

describe('wiring', () => {
  it('takes towers in their own places only', () => {
    const check = (image: ImageEncoder, text: TextEncoder, fusion: Fusion) => {
      wire({ image, text, fusion });
      // @ts-expect-error a text encoder cannot see pixels
      wire({ image: text, text, fusion });
      // @ts-expect-error an image encoder cannot read tokens
      wire({ image, text: image, fusion });
      // @ts-expect-error an encoder does not fuse
      wire({ image, text, fusion: image });
    };
    expectTypeOf(check).toBeFunction();
  });

  it('keeps a loss that needs a fusion from a model without one', () => {
    type TowersOnly = Loss<TowerOutputs>;
    type NeedsFusion = Loss<FusedOutputs>;
    const check = (matching: NeedsFusion, contrastive: TowersOnly) => {
      const forFused: Loss<FusedOutputs> = contrastive;
      // @ts-expect-error image-text matching needs fused outputs
      const forTowers: Loss<TowerOutputs> = matching;
      return [forFused, forTowers];
    };
    expectTypeOf(check).toBeFunction();
  });

  it('does not mix up transforms and tokenizers', () => {
    expectTypeOf<Tokenizer>().not.toMatchTypeOf<ImageTransform>();
    expectTypeOf<ImageTransform>().not.toMatchTypeOf<Tokenizer>();
  });

  it('takes plain objects as parts, with tensors and names as tfjs and TypeScript type them', () => {
    const weight = tf.variable(tf.ones([3, 3]));
    const parts = {
      dispose: () => weight.dispose(),
      namedBuffers: () => [],
      namedParameters: () => [['weight', weight]],
    };
    const image = {
      ...parts,
      embedDim: 3,
      encode: (pixels: tf.Tensor4D) => {
        const pooled = tf.matMul(tf.mean(pixels, [1, 2]), weight);
        const sequence = tf.reshape(pixels, [pixels.shape[0], -1, 3]);
        return { pooled, sequence };
      },
    };
    const fusion = {
      ...stateless,
      embedDim: 3,
      fuse: (a: EncoderOutput, b: EncoderOutput) => {
        const fused = tf.concat([a.pooled, b.pooled], 1);
        return { fused };
      },
    };
    const loss = {
      ...parts,
      compute: ({ image: { pooled } }: TowerOutputs) => {
        const mean = tf.mean(pooled);
        return { loss: mean, parts: { mean } };
      },
    };
    const shape = [2, 4, 4, 3];
    expectTypeOf(image).toExtend<Encoder<tf.Tensor4D>>();
    expectTypeOf(image).not.toExtend<TextEncoder>();
    expectTypeOf(fusion).toExtend<Fusion>();
    expectTypeOf(loss).toExtend<Loss>();
    expectTypeOf({ data: new Float32Array(96), shape }).toExtend<PixelBatch>();
    weight.dispose();
  });

  it('gives containers that tfjs frees', () => {
    const check = (encoder: ImageEncoder, fusion: Fusion, pixels: tf.Tensor4D) => {
      const encoded = tf.tidy(() => encoder.encode(pixels, inference));
      const fused = tf.tidy(() =>
        fusion.fuse(checkEncoded('test', encoded, 3), checkEncoded('test', encoded, 3), inference),
      );
      tf.dispose([encoded, fused]);
    };
    expectTypeOf(check).toBeFunction();
  });
});
