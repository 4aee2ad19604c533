// Programs for devices that are not there: NVIDIA's plugin compiles without driver and card.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CACHE, cpuPlugin, reason } from '../test/cpu-plugin';
import { ALL_REDUCE, STEP } from '../test/programs';
import { findPlugin, isPjrtError, Plugin } from './index';

const cuda = findPlugin('cuda13', { cache: CACHE, env: {} });
const missing = cuda ? '' : ' (skipped: npx diptych-pjrt install cuda13 --compile-only --cache .cache/pjrt)';
const target_config = readFileSync(join(import.meta.dirname, '__fixtures__/h200.txtpb'), 'utf8');

describe.skipIf(!cpuPlugin)(`the CPU's plugin${reason}`, () => {
  it('says that it describes no devices', async () => {
    const plugin = Plugin.load(cpuPlugin!);
    const failure = await plugin.createTopology({}).catch((error: unknown) => error);
    expect(isPjrtError(failure, 'UNIMPLEMENTED')).toBe(true);
    await expect(plugin.compileFor({} as never, STEP)).rejects.toThrow('expected a topology');
  });
});

describe.skipIf(!cuda)(`NVIDIA's plugin without a GPU${missing}`, () => {
  it('compiles for one H200: donation, planned memory, bytes to load there', async () => {
    const plugin = Plugin.load(cuda!);
    const topology = await plugin.createTopology({ target_config, topology: '1x1x1' });
    expect(topology.platform).toBe('cuda');
    expect(topology.devices.map(({ id, kind }) => [id, kind])).toEqual([[0, expect.stringContaining('H200')]]);
    const step = await plugin.compileFor(topology, STEP);
    expect(step.inputs!.map(({ isDonated }) => isDonated)).toEqual([true, false]);
    expect(step.memory()).toMatchObject({ inputs: 48, aliased: 24, peak: expect.any(Number) });
    expect(step.serialize().length).toBeGreaterThan(1000);
    step.dispose();
    topology.dispose();
    await expect(plugin.compileFor(topology, STEP)).rejects.toThrow('topology in use, got one that was disposed');
  });

  it('compiles collectives for four', async () => {
    const plugin = Plugin.load(cuda!);
    const topology = await plugin.createTopology({ target_config, topology: '1x1x4' });
    expect(topology.devices).toHaveLength(4);
    const sum = await plugin.compileFor(
      topology,
      ALL_REDUCE.replace('[[0, 1]]', '[[0, 1, 2, 3]]').replace('1x2xi64', '1x4xi64'),
      { replicas: 4 },
    );
    expect([sum.replicas, sum.partitions]).toEqual([4, 1]);
    const code = new TextDecoder('latin1').decode(sum.optimizedProgram().code);
    expect(code).toContain('all-reduce');
  });

  it('refuses descriptions that are none', async () => {
    const failure = await Plugin.load(cuda!)
      .createTopology({ target_config: 'nonsense' })
      .catch((error: unknown) => error);
    expect(isPjrtError(failure)).toBe(true);
  });
});
