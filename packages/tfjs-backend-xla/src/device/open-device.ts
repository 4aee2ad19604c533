import { statSync } from 'node:fs';
import { cpus } from 'node:os';
import { ConfigError, EngineError } from '@diptych/core';
import { type Client, type Device, findPlugin, findPlugins, Plugin, type PluginName } from '@diptych/pjrt';
import type { Platform } from '../lowering/index.js';
import type { XlaOptions } from '../options.js';

/** A client of a plugin, and what tells its programs from another's. */
export interface OpenedDevice {
  readonly client: Client;
  readonly platform: Platform;
  readonly device: Device;
  /** Equal for processes that can load each other's programs. */
  readonly identity: string;
}

/**
 * Loads the plugin that the options name, or the first of the machine, and opens its devices.
 *
 * @throws ConfigError where there is no such plugin or device
 * @throws PjrtError what the plugin says, such as that there is no driver
 */
export function openDevice({ plugin: wanted, device: index = 0, client: clientOptions }: XlaOptions): OpenedDevice {
  const path = pluginPath(wanted);
  const plugin = Plugin.load(path);
  const client = plugin.createClientSync(clientOptions ?? {});
  const device = client.devices[index];
  if (!device) {
    client.dispose();
    throw new ConfigError({
      where: 'xla.device',
      expected: `one of the ${client.devices.length} devices of ${path}, counted from 0`,
      got: String(index),
    });
  }
  const platform = platformOf(client.platform, path);
  const { major, minor } = plugin.apiVersion;
  const identity = JSON.stringify(
    [
      statSync(path).size,
      `${major}.${minor}`,
      plugin.attributes(),
      client.platform,
      client.platformVersion,
      device.kind,
      client.devices.length,
      index,
      // code for CPUs is for the instructions that this one has
      platform === 'cpu' ? cpus()[0]?.model : '',
      process.env.XLA_FLAGS ?? '',
    ],
    (_key, value) => (typeof value === 'bigint' ? value.toString() : value),
  );
  return { client, platform, device, identity };
}

function pluginPath(wanted: string | undefined): string {
  if (wanted !== undefined && /[\\/.]/.test(wanted)) return wanted;
  const path = findPlugin(wanted as PluginName | undefined);
  if (path !== undefined) return path;
  const found = findPlugins();
  throw new EngineError({
    where: 'xla',
    expected: wanted ? `the plugin ${wanted}` : 'a plugin of XLA',
    got: found.length > 0 ? `${found.map(({ name }) => name).join(', ')} alone` : 'none on this machine',
    remedy: `npx diptych-pjrt install ${wanted ?? 'cpu (or cuda13, cuda12 with an NVIDIA card)'}`,
  });
}

function platformOf(name: string, path: string): Platform {
  if (name === 'cpu' || name === 'tpu') return name;
  if (name === 'cuda' || name === 'gpu') return 'cuda';
  throw new EngineError({
    where: path,
    expected: 'a plugin for cpu, cuda or tpu',
    got: name,
    remedy: 'programs are lowered for these; see docs/xla.md',
  });
}
