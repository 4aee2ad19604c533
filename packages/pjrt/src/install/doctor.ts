import { NVIDIA_LIBRARIES, nvidiaParts } from '../native/nvidia.js';
import { hasDevice, nvidiaDriver } from '../native/nvidia-driver.js';
import { type FoundPlugin, findPlugins } from './find-plugin.js';

/** One thing that was looked at. */
export interface Finding {
  readonly what: string;
  /** What is there. */
  readonly found: string;
  /** What to do about it; undefined where all is well. */
  readonly remedy?: string;
}

/** What a plugin says when it is opened. */
export type TriedPlugin =
  | { readonly api: string; readonly platform: string; readonly devices: readonly string[] }
  | { readonly api?: string; readonly error: string };

/** What doctor asks of the machine; tests put their own in its place. */
export interface Machine {
  readonly platform: string;
  findPlugins(): FoundPlugin[];
  /** Opens a plugin in a process of its own. */
  tryPlugin(path: string): Promise<TriedPlugin>;
  nvidiaDriver: typeof nvidiaDriver;
  hasDevice: typeof hasDevice;
  nvidiaParts: typeof nvidiaParts;
}

/** This machine. */
export function thisMachine(cache: string | undefined, tryPlugin: Machine['tryPlugin']): Machine {
  return {
    platform: `${process.platform}-${process.arch}`,
    findPlugins: () => findPlugins({ ...(cache && { cache }) }),
    tryPlugin,
    nvidiaDriver,
    hasDevice,
    nvidiaParts,
  };
}

/** Says of every plugin of the machine whether it works, and what is missing where it does not. */
export async function doctor(machine: Machine): Promise<Finding[]> {
  const findings: Finding[] = [platformFinding(machine.platform)];
  const plugins = machine.findPlugins();
  const hasGpu = machine.hasDevice('nvidia');
  const driver = machine.nvidiaDriver();
  if (hasGpu || driver) findings.push(driverFinding(driver));
  if (plugins.length === 0) {
    const names = [driver ? `cuda${Math.min(13, driver.cuda[0])}` : '', machine.hasDevice('tpu') ? 'tpu' : '', 'cpu'];
    const remedy = names
      .filter(Boolean)
      .map((name) => `npx diptych-pjrt install ${name}`)
      .join(', or ');
    findings.push({ what: 'plugins', found: 'none', remedy });
  }
  for (const plugin of plugins) findings.push(...(await pluginFindings(plugin, machine, driver)));
  return findings;
}

function platformFinding(platform: string): Finding {
  const what = 'platform';
  if (platform === 'linux-x64' || platform === 'linux-arm64') return { what, found: platform };
  const remedy =
    'no plugin is published for it: use Linux (on Windows WSL 2), or name a plugin of your own in PJRT_PLUGIN';
  return { what, found: platform, remedy };
}

function driverFinding(driver: ReturnType<typeof nvidiaDriver>): Finding {
  const what = "NVIDIA's driver";
  if (driver) return { what, found: `runs CUDA up to ${driver.cuda.join('.')}` };
  const remedy = 'install the driver (libcuda.so.1); in a container, start it with --gpus all';
  return { what, found: 'a GPU, but no libcuda.so.1', remedy };
}

async function pluginFindings(
  { name, path }: FoundPlugin,
  machine: Machine,
  driver: ReturnType<typeof nvidiaDriver>,
): Promise<Finding[]> {
  const what = `plugin ${name}`;
  const tried = await machine.tryPlugin(path);
  const api = tried.api ? `, PJRT API ${tried.api}` : '';
  if ('devices' in tried) {
    return [{ what, found: `${path}${api}: ${tried.platform} with ${tried.devices.join(', ') || 'no device'}` }];
  }
  const missing = name === 'cuda12' || name === 'cuda13' ? nvidiaFindings(name, path, machine, driver) : [];
  if (name === 'tpu' && !machine.hasDevice('tpu')) {
    missing.push({ what: 'TPU', found: 'none', remedy: 'run this on a TPU virtual machine' });
  }
  const remedy = missing.length > 0 ? 'see below' : 'install it again, or another version of it';
  return [{ what, found: `${path}${api}: ${tried.error}`, remedy }, ...missing];
}

function nvidiaFindings(
  name: 'cuda12' | 'cuda13',
  path: string,
  machine: Machine,
  driver: ReturnType<typeof nvidiaDriver>,
): Finding[] {
  const findings: Finding[] = [];
  const needed = Number(name.slice(4));
  if (!driver && !machine.hasDevice('nvidia')) {
    const remedy = 'programs can be compiled for one here (createTopology), and run where one is';
    findings.push({ what: 'GPU', found: 'none of NVIDIA, and no driver', remedy });
  } else if (driver && driver.cuda[0] < needed) {
    const remedy = `update the driver${needed === 13 ? ', or: npx diptych-pjrt install cuda12' : ''}`;
    findings.push({ what: 'driver for CUDA', found: `${driver.cuda.join('.')}, below ${needed}`, remedy });
  }
  const { libraries, dataFolder, programs } = machine.nvidiaParts(path);
  const lacking = NVIDIA_LIBRARIES.filter((library) => !libraries.has(library));
  if (lacking.length > 0) {
    const remedy = `npx diptych-pjrt install ${name}, or have them in LD_LIBRARY_PATH`;
    findings.push({ what: 'libraries beside it', found: `without ${lacking.join(', ')}`, remedy });
  }
  if (!programs || !dataFolder) {
    const lacks = [!programs && 'ptxas', !dataFolder && 'nvvm/libdevice'].filter(Boolean).join(' and ');
    const remedy = `npx diptych-pjrt install ${name} --compile-only`;
    findings.push({ what: 'compiler beside it', found: `without ${lacks}`, remedy });
  }
  return findings;
}
