import { WeightsError } from '@diptych/core';
import { expect, it } from 'vitest';
import { encodeSafetensors } from './encode-safetensors.js';
import { joinTensors } from './join-tensors.js';
import { parseSafetensors } from './safetensors.js';

const fileOf = (name: string, value: number) =>
  parseSafetensors(encodeSafetensors({ weight: { dtype: 'float32', shape: [1], data: Float32Array.of(value) } }), name);

it('reads tensors of several files under their prefixes', () => {
  const joined = joinTensors([
    ['', fileOf('a', 1)],
    ['dense.0.', fileOf('b', 2)],
  ]);
  expect([joined.name, ...joined.infos.keys()]).toEqual(['a + b', 'weight', 'dense.0.weight']);
  expect(joined.infos.get('dense.0.weight')).toMatchObject({ storedDtype: 'F32', shape: [1] });
  expect([joined.read('weight').data[0], joined.read('dense.0.weight').data[0]]).toEqual([1, 2]);
  expect(joined.metadata).toEqual({ format: 'pt' });
  expect(() => joined.read('other')).toThrow(/a \+ b: expected a tensor "other"/);
});

it('refuses two tensors of one name', () => {
  const join = () =>
    joinTensors([
      ['', fileOf('a', 1)],
      ['', fileOf('b', 2)],
    ]);
  expect(join).toThrow(WeightsError);
  expect(join).toThrow(/two tensors are called "weight"/);
});
