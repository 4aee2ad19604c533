import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError, checkOptions, type OptionNames } from '@diptych/core';
import { PLUGIN_NAMES, PLUGINS, type PluginName, pluginFacts } from './catalog.js';

/** Where plugins are looked for. */
export interface FindPluginOptions {
  /** Where they are installed. Default: DIPTYCH_PJRT_CACHE, else `diptych/pjrt` in XDG_CACHE_HOME or `~/.cache`. */
  readonly cache?: string;
  /** For tests; by default the process's. */
  readonly env?: NodeJS.ProcessEnv;
}

const OPTIONS: OptionNames<FindPluginOptions> = { cache: 'optional', env: 'optional' };

/** A plugin on this machine. */
export interface FoundPlugin {
  readonly name: PluginName | 'PJRT_PLUGIN';
  /** For `Plugin.load`. */
  readonly path: string;
}

/**
 * The plugins of this machine: what PJRT_PLUGIN names, then what `diptych-pjrt install` put in the cache, then what lies in
 * the Python environment that is active (VIRTUAL_ENV, CONDA_PREFIX). Within a place: NVIDIA's, TPU's, CPU's.
 *
 * @throws ConfigError if PJRT_PLUGIN names a file that is not there
 */
export function findPlugins(options: FindPluginOptions = {}): FoundPlugin[] {
  checkOptions('pjrt.findPlugins', options, OPTIONS);
  const { env = process.env } = options;
  const found: FoundPlugin[] = [];
  const named = env.PJRT_PLUGIN;
  if (named) {
    if (!existsSync(named)) {
      const remedy = 'correct it, or leave it out';
      throw new ConfigError({
        where: 'PJRT_PLUGIN',
        expected: 'the path of a plugin',
        got: `${named}, which is not there`,
        remedy,
      });
    }
    found.push({ name: 'PJRT_PLUGIN', path: named });
  }
  const cache = cacheFolder(options);
  for (const name of ORDER) found.push(...within(join(cache, name), name));
  for (const packages of sitePackages(env)) {
    for (const name of ORDER) found.push(...within(packages, name));
  }
  return found;
}

/**
 * The first plugin of a kind, or of any.
 *
 * @returns its path, for `Plugin.load`; undefined where there is none: `npx diptych-pjrt install cpu` brings one
 * @throws ConfigError for a name that no plugin has, or if PJRT_PLUGIN names a file that is not there
 */
export function findPlugin(name?: PluginName, options: FindPluginOptions = {}): string | undefined {
  if (name !== undefined) pluginFacts('pjrt.findPlugin', name);
  const wanted = ({ name: found }: FoundPlugin) => name === undefined || found === name || found === 'PJRT_PLUGIN';
  return findPlugins(options).find(wanted)?.path;
}

/** Where plugins are installed, a folder each, as Python's site-packages has them. */
export function cacheFolder({ cache, env = process.env }: FindPluginOptions = {}): string {
  const folder =
    cache || env.DIPTYCH_PJRT_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'diptych/pjrt');
  return resolve(folder);
}

/** GPUs before CPUs. */
const ORDER: readonly PluginName[] = [...PLUGIN_NAMES].sort((a, b) => rank(a) - rank(b));

function rank(name: PluginName): number {
  return ['cuda13', 'cuda12', 'tpu', 'cpu'].indexOf(name);
}

function within(folder: string, name: PluginName): FoundPlugin[] {
  const paths = PLUGINS[name].libraries.map((library) => join(folder, library));
  return paths.filter((path) => existsSync(path)).map((path) => ({ name, path }));
}

function sitePackages(env: NodeJS.ProcessEnv): string[] {
  const roots = [env.VIRTUAL_ENV, env.CONDA_PREFIX].filter((root): root is string => Boolean(root));
  return roots.flatMap((root) => {
    const lib = join(root, 'lib');
    const pythons = existsSync(lib) ? readdirSync(lib).filter((name) => /^python3\.\d+$/.test(name)) : [];
    return pythons.map((python) => join(lib, python, 'site-packages'));
  });
}
