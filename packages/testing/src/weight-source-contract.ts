import { isDiptychError } from '@diptych/core';
import { encodeSafetensors, type WeightSource } from '@diptych/weights';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';

/** What {@link testWeightSource} is told of a source. */
export interface WeightSourceContract {
  /** Makes a source that holds exactly these files. */
  create(files: Readonly<Record<string, Uint8Array>>): WeightSource | Promise<WeightSource>;
}

const FILES: Readonly<Record<string, Uint8Array>> = {
  'config.json': new TextEncoder().encode('{"hidden_size": 8}'),
  'model.safetensors': encodeSafetensors({
    weight: { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    ids: { dtype: 'int32', shape: [], data: Int32Array.of(-7) },
  }),
  '1_Pooling/config.json': new TextEncoder().encode('{"word": "ü"}'),
  'broken.safetensors': new TextEncoder().encode('this is no safetensors file'),
};

/**
 * Checks that a source of checkpoints keeps the contract of `WeightSource`, as tests of a suite.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testWeightSource(runner: Runner, name: string, contract: WeightSourceContract): void {
  register(runner, name, weightSourceChecks(contract));
}

/** The checks of {@link testWeightSource}, for use without a test runner. */
export function weightSourceChecks(contract: WeightSourceContract): Check[] {
  checkContract('testing.weightSourceChecks', contract, 'create');
  const { create } = contract;
  const refuses = async (what: string, code: string, call: () => Promise<unknown>) => {
    let error: unknown;
    try {
      await call();
    } catch (caught) {
      error = caught;
    }
    ensure(isDiptychError(error) && error.code === code, () => `${what} gives ${error}, not an error of code ${code}`);
  };
  return [
    {
      name: 'has a name and lists its files, sorted, with /',
      run: async () => {
        const source = await create(FILES);
        ensure(source.name.length > 0, 'it has no name');
        ensure(
          (await source.list()).join() === Object.keys(FILES).sort().join(),
          `it lists ${(await source.list()).join()}`,
        );
      },
    },
    {
      name: 'gives the bytes of a file, any number of times',
      run: async () => {
        const source = await create(FILES);
        for (const [path, content] of [...Object.entries(FILES), ...Object.entries(FILES)]) {
          const bytes = await source.read(path);
          ensure(bytes instanceof Uint8Array, `${path} is no Uint8Array`);
          ensure(bytes.length === content.length && bytes.every((byte, i) => byte === content[i]), `${path} differs`);
        }
      },
    },
    {
      name: 'opens tensors',
      run: async () => {
        const tensors = await (await create(FILES)).openTensors('model.safetensors');
        ensure([...tensors.infos.keys()].sort().join() === 'ids,weight', 'the tensors have other names');
        const { data, shape, dtype } = tensors.read('weight');
        ensure(dtype === 'float32' && shape.join() === '2,3' && data.join() === '1,2,3,4,5,6', 'a tensor differs');
        ensure(tensors.read('ids').data[0] === -7, 'a tensor differs');
      },
    },
    {
      name: 'refuses what is missing or malformed with a WeightsError',
      run: async () => {
        const source = await create(FILES);
        await refuses('a missing file', 'weights', () => source.read('gone.json'));
        await refuses('missing tensors', 'weights', () => source.openTensors('gone.safetensors'));
        await refuses('a file that is no safetensors file', 'weights', () => source.openTensors('broken.safetensors'));
      },
    },
    {
      name: 'does not leave its folder',
      run: async () => {
        const source = await create(FILES);
        for (const path of ['../config.json', '/etc/hosts', '1_Pooling/../../x', '']) {
          await refuses(`the path ${JSON.stringify(path)}`, 'weights', () => source.read(path));
        }
      },
    },
  ];
}
