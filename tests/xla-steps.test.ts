// Whole training steps, recorded by the real Trainer's parts, through StableHLO on the CPU, against tfjs-backend-cpu.
import '@tensorflow/tfjs-backend-cpu';
import { resolve } from 'node:path';
import { type Client, findPlugin, type HostArray, Plugin } from '@diptych/pjrt';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBatch, TRAINED } from '../tooling/xla/models.mjs';
import { record } from '../tooling/xla/programs.mjs';
import { compileStep } from '../tooling/xla/run-steps.mjs';

const path = findPlugin('cpu', { cache: resolve(import.meta.dirname, '../.cache/pjrt') });
const reason = path === undefined ? ' (skipped: no CPU plugin in .cache/pjrt)' : '';
const BATCH = 4;

describe.skipIf(path === undefined)(`whole steps on XLA${reason}`, () => {
  let client: Client;
  beforeAll(async () => {
    client = await Plugin.load(path!).createClient();
  });
  afterAll(() => client?.dispose());

  it.each(['seed', 'clip'] as const)('%s: losses and gradients of two steps', { timeout: 600_000 }, async (name) => {
    tf.setBackend('cpu');
    const { runner, vocabSize } = TRAINED[name].build({ tiny: true });
    const batch = makeBatch(name, BATCH, { tiny: true, vocabSize });
    const expected = [await runner.run(batch, { step: 0 }), await runner.run(batch, { step: 0 })];
    runner.dispose();

    const trace = await record({ name, batch: BATCH, tiny: true });
    const steps = async (precision: string) => {
      const { run, executable } = await compileStep(client, trace, { precision });
      const numbers = [await run(), await run()];
      const donated = executable.inputs!.filter(({ isDonated }) => isDonated).length;
      executable.dispose();
      return { numbers, donated };
    };
    const at = (numbers: readonly HostArray[], step: number, place: number) => Number(numbers[step]![place]);
    const exact = await steps('f32');
    expect(exact.donated).toBeGreaterThan(100);
    const apart = (ours: number, theirs: number) => Math.abs(ours / theirs - 1);
    expect(apart(at(exact.numbers, 0, 0), expected[0]!.loss)).toBeLessThan(1e-5);
    expect(apart(at(exact.numbers, 0, 1), expected[0]!.gradNorm)).toBeLessThan(1e-3);
    expect(apart(at(exact.numbers, 1, 0), expected[1]!.loss)).toBeLessThan(1e-4);

    // Four rows and normalisation over them enlarge rounding: this is against gross errors. How bfloat16 trains is measured over
    // 200 steps (packages/tfjs-backend-xla/README.md).
    const narrow = await steps('bf16');
    expect(apart(at(narrow.numbers, 0, 0), expected[0]!.loss)).toBeLessThan(0.05);
    expect(apart(at(narrow.numbers, 0, 1), expected[0]!.gradNorm)).toBeLessThan(0.3);
  });
});
