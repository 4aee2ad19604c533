import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { aroundCalls, Dropout, Generator, Linear } from './index.js';

describe('aroundCalls', () => {
  it('lies around a method, also around another, until undone', () => {
    const layer = new Linear(2, 1, { generator: new Generator(), bias: false });
    const plain = layer.forward;
    const seen: string[] = [];
    const note = (name: string) =>
      aroundCalls(layer, 'forward', (forward, args) => {
        seen.push(name);
        return forward(...args);
      });
    const undoInner = note('inner');
    const undoOuter = note('outer');
    const x = tf.ones([1, 2]);
    const y = layer.forward(x).dataSync();
    expect(seen).toEqual(['outer', 'inner']);
    expect([...layer.namedParameters()].map(([name]) => name)).toEqual(['weight']);
    undoOuter();
    layer.forward(x);
    expect(seen).toEqual(['outer', 'inner', 'inner']);
    undoInner();
    expect(layer.forward).toBe(plain);
    expect(layer.forward(x).dataSync()).toEqual(y);
    expect(Object.hasOwn(layer, 'forward')).toBe(false);
    aroundCalls(new Dropout(0.5), 'encode', () => undefined)();
  });
});
