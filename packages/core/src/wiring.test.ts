import * as tf from '@tensorflow/tfjs-core';
import { describe, expectTypeOf, it } from 'vitest';
import {
  type Encoder,
  type FusedOutputs,
  type Fusion,
  type ImageEncoder,
  type ImageTransform,
  type Loss,
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

  it('takes a plain object as an encoder', () => {
    const own = {
      ...stateless,
      embedDim: 3,
      encode: (pixels: tf.Tensor4D) => ({
        pooled: tf.mean(pixels, [1, 2]) as tf.Tensor2D,
        sequence: tf.reshape(pixels, [pixels.shape[0], -1, 3]) as tf.Tensor3D,
      }),
    };
    expectTypeOf(own).toMatchTypeOf<Encoder<tf.Tensor4D>>();
    expectTypeOf(own).not.toMatchTypeOf<TextEncoder>();
  });
});
