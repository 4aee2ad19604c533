import type { ImageEncoder } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** The colours of a 4x4 grid through one linear map: no base class, only what `Encoder` asks for. */
export function colourGrid(embedDim: number): ImageEncoder {
  const weight = tf.tidy(() => tf.variable(tf.randomNormal([3, embedDim], 0, 1, 'float32', 7)));
  return {
    embedDim,
    namedParameters: () => [['weight', weight]],
    namedBuffers: () => [],
    dispose: () => weight.dispose(),
    encode(pixels) {
      const [batch, height] = pixels.shape;
      const cells = tf.reshape(tf.avgPool(pixels, height / 4, height / 4, 'valid'), [batch * 16, 3]);
      const sequence = tf.reshape(tf.matMul(cells, weight), [batch, 16, embedDim]);
      return { pooled: tf.mean(sequence, 1), sequence: sequence };
    },
  };
}
