import '@diptych/tfjs-backend-onnxruntime';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { UpdateWatch } from './update-ratios.js';

describe.each(['cpu', 'onnxruntime'])('UpdateWatch on %s', (backend) => {
  it('measures what trains at the time, through freezing and thawing', async () => {
    await tf.setBackend(backend);
    const image = tf.variable(tf.ones([2, 3]));
    const text = tf.variable(tf.ones([5]));
    const parameters = [
      ['text.weight', text],
      ['image.weight', image],
    ] as const;
    const watch = new UpdateWatch(parameters);
    for (const trains of [false, true, false]) {
      text.trainable = trains;
      const before = watch.before();
      for (const [, variable] of parameters) {
        if (variable.trainable) variable.assign(tf.mul(variable, 1.5));
      }
      const ratios = await watch.after(before);
      expect(Object.keys(ratios)).toEqual(trains ? ['text', 'image'] : ['image']);
      for (const ratio of Object.values(ratios)) expect(ratio).toBeCloseTo(0.5, 5);
    }
    watch.dispose();
    tf.dispose([image, text]);
  });
});
