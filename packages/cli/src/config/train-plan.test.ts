import { describe, expect, it } from 'vitest';
import { type TrainFlags, trainPlan } from './train-plan.js';

const data = { name: 'mine', pairs: () => [] };
const flags = (more: Partial<TrainFlags> = {}): TrainFlags => ({
  quick: false,
  fresh: false,
  dryRun: false,
  json: false,
  ...more,
});
const towers = (of: Partial<TrainFlags>, config: object = {}) => trainPlan(flags(of), { data, ...config }).towers;

describe('trainPlan', () => {
  it('takes flags before the configuration, and that before defaults', () => {
    const plan = trainPlan(flags({ seed: 2 }), { data, seed: 1, split: 'random' });
    expect([plan.seed, plan.split, plan.backend, plan.runs, plan.tune]).toEqual([
      2,
      'random',
      'onnxruntime',
      'runs',
      'heads',
    ]);
  });

  it('says what is missing', () => {
    expect(() => trainPlan(flags(), {})).toThrow('diptych train: expected captioned pictures, got none');
  });

  it('chooses the towers', () => {
    expect(towers({})).toBe('auto');
    expect(towers({ image: 'scratch' })).toBe('scratch');
    expect(towers({ image: 'a/b' })).toEqual({ image: 'a/b', text: 'sentence-transformers/all-MiniLM-L6-v2' });
    expect(towers({ model: 'a/clip' }, { image: 'scratch', text: 'scratch' })).toEqual({ model: 'a/clip' });
    expect(towers({}, { image: 'x/y', text: 'y/z' })).toEqual({ image: 'x/y', text: 'y/z' });
    expect(() => towers({ image: 'a/b', model: 'a/clip' })).toThrow(/--model, or --image and --text/);
    expect(() => towers({ image: 'a/b', text: 'scratch' })).toThrow(/two trained towers, or two from scratch/);
  });
});
