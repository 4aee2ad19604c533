import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { isTaping, keepingTape, registeredVariables } from './index.js';

describe('what is read of the state of tfjs', () => {
  it('was written for this version', () => {
    expect(tf.version_core).toBe('4.22.0');
  });

  it('lists variables as they come and go', () => {
    const before = registeredVariables();
    const variable = tf.variable(tf.scalar(1));
    expect(registeredVariables().filter((each) => !before.includes(each))).toEqual([variable]);
    variable.dispose();
    expect(registeredVariables()).not.toContain(variable);
  });

  it('knows whether gradients are being computed', () => {
    const seen: boolean[] = [];
    tf.grad((x) => {
      seen.push(isTaping());
      return tf.square(x);
    })(tf.scalar(2));
    expect([isTaping(), ...seen]).toEqual([false, true]);
  });

  it('keeps the outer tape over inner gradients', () => {
    const cube = tf.customGrad((x, save) => {
      (save as tf.GradSaveFunc)([x as tf.Tensor]);
      const gradFunc = (dy: tf.Tensor, [saved]: tf.Tensor[]) =>
        keepingTape(() => tf.engine().gradients(() => tf.pow(saved!, 3), [saved!], dy, true).grads[0]!);
      return { value: tf.pow(x as tf.Tensor, 3), gradFunc };
    });
    const gradient = tf.grad((x) => tf.mul(cube(tf.mul(x, 2)), x))(tf.scalar(2));
    // 8 x^4, whose derivative is 32 x^3
    expect(gradient.dataSync()[0]).toBeCloseTo(256, 3);
  });
});
