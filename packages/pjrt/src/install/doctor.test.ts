import { expect, it } from 'vitest';
import { doctor, type Machine } from './doctor';

const machine = (own: Partial<Machine>): Machine => ({
  platform: 'linux-x64',
  findPlugins: () => [],
  tryPlugin: async () => ({ api: '0.116', error: 'FAILED_PRECONDITION: No visible GPU devices.' }),
  nvidiaDriver: () => undefined,
  hasDevice: () => false,
  nvidiaParts: () => ({ libraries: new Map() }),
  ...own,
});
const said = async (own: Partial<Machine>) =>
  (await doctor(machine(own))).map(({ what, found, remedy }) => [what, found, remedy].filter(Boolean).join(' | '));

it('names the plugin to install, by what the machine has', async () => {
  expect(await said({})).toEqual(['platform | linux-x64', 'plugins | none | npx diptych-pjrt install cpu']);
  expect((await said({ nvidiaDriver: () => ({ cuda: [12, 8] }) })).slice(1)).toEqual([
    "NVIDIA's driver | runs CUDA up to 12.8",
    'plugins | none | npx diptych-pjrt install cuda12, or npx diptych-pjrt install cpu',
  ]);
  expect((await said({ hasDevice: (kind) => kind === 'tpu' })).at(-1)).toContain('install tpu, or npx');
  expect((await said({ platform: 'win32-x64' }))[0]).toContain('WSL 2');
});

it('says of a plugin that works what it has', async () => {
  const found = await said({
    findPlugins: () => [{ name: 'cpu', path: '/cpu.so' }],
    tryPlugin: async () => ({ api: '0.115', platform: 'cpu', devices: ['cpu:0'] }),
  });
  expect(found).toEqual(['platform | linux-x64', 'plugin cpu | /cpu.so, PJRT API 0.115: cpu with cpu:0']);
});

it('says what a plugin for GPUs lacks', async () => {
  const findPlugins = () => [{ name: 'cuda13' as const, path: '/p.so' }];
  expect((await said({ findPlugins })).slice(1)).toEqual([
    'plugin cuda13 | /p.so, PJRT API 0.116: FAILED_PRECONDITION: No visible GPU devices. | see below',
    'GPU | none of NVIDIA, and no driver | programs can be compiled for one here (createTopology), and run where one is',
    expect.stringMatching(/^libraries beside it \| without libcudart, .* \| npx diptych-pjrt install cuda13, or/),
    'compiler beside it | without ptxas and nvvm/libdevice | npx diptych-pjrt install cuda13 --compile-only',
  ]);
  const old = await said({
    findPlugins,
    hasDevice: (kind) => kind === 'nvidia',
    nvidiaDriver: () => ({ cuda: [12, 4] }),
  });
  expect(old[3]).toBe('driver for CUDA | 12.4, below 13 | update the driver, or: npx diptych-pjrt install cuda12');
  const container = await said({ findPlugins, hasDevice: (kind) => kind === 'nvidia' });
  expect(container[1]).toContain('--gpus all');
});
