import { describe, expect, it } from 'vitest';
import { checkDtype, checkShape } from './shapes.js';

describe('checkShape', () => {
  it('binds letters to sizes', () => {
    expect(checkShape('here', 'x', { shape: [8, 224, 224, 3] }, ['B', 224, 224, 3])).toEqual({ B: 8 });
  });

  it('names place, argument and both shapes, and sees channels-first pixels', () => {
    expect(() => checkShape('vision.resnet50', 'pixels', { shape: [8, 3, 224, 224] }, ['B', 224, 224, 3])).toThrow(
      'vision.resnet50: expected pixels of shape [B,224,224,3], got [8,3,224,224]; channels come last in tfjs',
    );
  });

  it('wants one size for one letter', () => {
    expect(() => checkShape('here', 'x', { shape: [2, 3] }, ['N', 'N'])).toThrow('[N,N], got [2,3]');
    expect(() => checkShape('here', 'x', { shape: [2] }, ['N', 'M'])).toThrow('got [2]');
  });
});

describe('checkDtype', () => {
  it('says how to cast', () => {
    expect(() => checkDtype('text', 'inputIds', { shape: [], dtype: 'float32' }, 'int32')).toThrow(
      "expected inputIds of dtype int32, got float32; cast it: tf.cast(inputIds, 'int32')",
    );
  });
});
