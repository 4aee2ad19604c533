import { ConfigError, checkOptions, EngineError, type OptionNames } from '@diptych/core';
import type { HttpOptions } from '@diptych/core/http';
import type { WheelProgress } from '../wheels/fetch-wheel.js';
import { installWheels } from '../wheels/install-wheels.js';
import { PLUGINS, type PluginFacts, type PluginName, pluginFacts } from './catalog.js';
import { cacheFolder, findPlugin } from './find-plugin.js';

/** How a plugin is installed. */
export interface InstallOptions {
  /** Where to. Default: as `findPlugin` has it. */
  readonly cache?: string;
  /** A simple index (PEP 503) to ask. Default: PIP_INDEX_URL, UV_DEFAULT_INDEX, else the public one. */
  readonly index?: string;
  /** Of the plugin's wheel, such as `0.12.0.1`. Default: the newest. */
  readonly version?: string;
  /** Only what compiling takes, not what running takes: with the libraries of NVIDIA it is 2.5 GB and more. Default false. */
  readonly compileOnly?: boolean;
  readonly http?: HttpOptions;
  readonly onProgress?: (progress: WheelProgress) => void;
  /** For tests, as Node names them: `linux-x64`. Default: this machine's. */
  readonly platform?: string;
}

const OPTIONS: OptionNames<InstallOptions> = {
  cache: 'optional',
  index: 'optional',
  version: 'optional',
  compileOnly: 'optional',
  http: 'optional',
  onProgress: 'optional',
  platform: 'optional',
};

/** What an installation brought. */
export interface InstalledPlugin {
  /** For `Plugin.load`. */
  readonly path: string;
  /** Names of the wheels that it is made of. */
  readonly wheels: readonly string[];
  /** False where the same wheels were there already. */
  readonly isNew: boolean;
}

/**
 * Fetches the wheels of a plugin from Python's package index and unpacks them into the cache, without Python. Hashes are
 * checked, downloads go on where they stopped, and the plugin appears there as a whole or not at all.
 *
 * @throws HubError if the index or a wheel cannot be had
 * @throws EngineError if there is no wheel for this machine
 * @throws ConfigError for names and options that are none
 */
export async function installPlugin(name: PluginName, options: InstallOptions = {}): Promise<InstalledPlugin> {
  const where = 'pjrt.installPlugin';
  pluginFacts(where, name);
  checkOptions(where, options, OPTIONS);
  const { http = {}, version, compileOnly = false, onProgress } = options;
  const platform = options.platform ?? `${process.platform}-${process.arch}`;
  if (version !== undefined && !/^\d+(\.\d+)*$/.test(version)) {
    throw new ConfigError({ where, expected: 'a version such as 0.12.0.1', got: version });
  }
  const cache = cacheFolder(options);
  const { plugin, compiler, runtime } = PLUGINS[name] as PluginFacts;
  const asked = version === undefined ? plugin : { ...plugin, from: version, below: `${version}.1` };
  const ranges = [asked, ...compiler, ...(compileOnly ? [] : runtime)];
  const remedy = 'build a plugin for this machine, and name it in PJRT_PLUGIN';
  const installed = await installWheels(cache, name, ranges, {
    index: options.index,
    platform,
    http,
    onProgress,
    remedy,
  });
  const path = findPlugin(name, { cache, env: {} });
  if (path !== undefined) return { path, ...installed };
  const expected = `${PLUGINS[name].libraries[0]} in ${installed.wheels[0]}`;
  throw new EngineError({ where, expected, got: 'a wheel without it', remedy: 'ask for an older version: --version' });
}
