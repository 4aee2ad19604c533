import { describe, expect, it } from 'vitest';
import { ConfigError, checkOptions, nearestName, type OptionNames } from './index.js';

interface Options {
  readonly embedDim: number;
  readonly learningRate?: number;
  readonly temperature?: number;
}
const NAMES: OptionNames<Options> = { embedDim: 'required', learningRate: 'optional', temperature: 'optional' };

describe('checkOptions', () => {
  it('takes what is known, and undefined for left out', () => {
    checkOptions('test', { embedDim: 3 }, NAMES);
    checkOptions('test', { embedDim: 3, temperature: undefined, lr: undefined } as Options, NAMES);
  });

  it.each([
    [undefined, /test: expected an object of options \(embedDim, learningRate, temperature\), got undefined/],
    [null, /got null/],
    ['resnet50', /got string/],
    [[], /got an array/],
    [{}, /expected the option embedDim, got none/],
    [{ temperature: 1 }, /expected the option embedDim, got only temperature/],
    [{ embedDim: 1, lr: 5 }, /got lr; did you mean learningRate\?/],
    [{ embedDim: 1, temp: 5, learning_rates: 1 }, /temperature for temp, learningRate for learning_rates/],
    [{ embedDim: 1, colour: 'red' }, /got colour; leave colour out$/],
  ])('refuses %j', (options, message) => {
    const run = () => checkOptions('test', options as Options, NAMES);
    expect(run).toThrow(message);
    expect(run).toThrow(ConfigError);
  });

  it.each([
    ['lr', 'learningRate'],
    ['temp', 'temperature'],
    ['embed_dim', 'embedDim'],
    ['EMBEDDIM', 'embedDim'],
    ['embedDims', 'embedDim'],
    ['embdeDim', 'embedDim'],
    ['learningRte', 'learningRate'],
    ['x', undefined],
    ['dropout', undefined],
  ])('finds what %s stands for', (name, meant) => {
    expect(nearestName(name, ['learningRate', 'temperature', 'embedDim'])).toBe(meant);
  });
});
