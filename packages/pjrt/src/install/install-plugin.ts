import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, checkOptions, EngineError, type OptionNames } from '@diptych/core';
import type { HttpOptions } from '@diptych/core/http';
import { FolderLock, writeFileAtomically } from '@diptych/core/node';
import { PLUGINS, type PluginName, pluginFacts, type WheelRange } from './catalog.js';
import { fetchWheel, type WheelProgress } from './fetch-wheel.js';
import { cacheFolder, findPlugin } from './find-plugin.js';
import { unpackWheel } from './unpack-wheel.js';
import { newestWheel, type WheelFile } from './wheel-files.js';
import { indexAddress, wheelsOf } from './wheel-index.js';

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

interface Receipt {
  readonly wheels: readonly { readonly filename: string; readonly sha256: string }[];
}

const RECEIPT = 'diptych-pjrt.json';

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
  const index = indexAddress(options.index);
  if (version !== undefined && !/^\d+(\.\d+)*$/.test(version)) {
    throw new ConfigError({ where, expected: 'a version such as 0.12.0.1', got: version });
  }
  const cache = cacheFolder(options);
  await mkdir(cache, { recursive: true });
  const lock = await locked(cache, http.signal);
  try {
    const wheels = await wanted(name, { version, compileOnly, platform, index, http });
    const folder = join(cache, name);
    const before = receiptOf(folder);
    const has = ({ sha256 }: WheelFile) => before?.wheels.some((one) => one.sha256 === sha256);
    const isNew = !wheels.every(has);
    if (isNew) await replace(cache, folder, wheels, http, onProgress);
    const path = findPlugin(name, { cache, env: {} });
    if (path !== undefined) return { path, wheels: wheels.map(({ filename }) => filename), isNew };
    const expected = `${PLUGINS[name].libraries[0]} in ${wheels[0]!.filename}`;
    throw new EngineError({
      where,
      expected,
      got: 'a wheel without it',
      remedy: 'ask for an older version: --version',
    });
  } finally {
    lock.release();
  }
}

/** One installation at a time: a second one waits, and then finds what the first one brought. */
async function locked(cache: string, signal: AbortSignal | undefined): Promise<FolderLock> {
  const taken = Symbol('taken');
  for (;;) {
    try {
      return FolderLock.take(cache, () => Object.assign(new Error(), { taken }));
    } catch (error) {
      if ((error as { taken?: symbol }).taken !== taken) throw error;
    }
    await sleep(300, undefined, { signal });
  }
}

interface Wanted {
  readonly version: string | undefined;
  readonly compileOnly: boolean;
  readonly platform: string;
  readonly index: string;
  readonly http: HttpOptions;
}

async function wanted(name: PluginName, options: Wanted): Promise<WheelFile[]> {
  const { plugin, compiler, runtime } = pluginFacts('pjrt.installPlugin', name);
  const ranges: WheelRange[] = [plugin, ...compiler, ...(options.compileOnly ? [] : runtime)];
  const wheels: WheelFile[] = [];
  for (const range of ranges) {
    const files = await wheelsOf(range.distribution, options.index, options.http);
    const { version } = options;
    const asked =
      range === plugin && version !== undefined ? { ...range, from: version, below: `${version}.1` } : range;
    const wheel = newestWheel(files, asked, options.platform);
    if (wheel) wheels.push(wheel);
    else throw noWheel(range, options);
  }
  return wheels;
}

function noWheel({ distribution, from, below }: WheelRange, { platform, version, index }: Wanted): EngineError {
  const span = [from && `from ${from}`, below && `below ${below}`].filter(Boolean).join(', ');
  return new EngineError({
    where: `${distribution} of ${index.replace(/\/\/[^/]*@/, '//')}`,
    expected: `a wheel for ${platform}${version ? ` of version ${version}` : span && ` ${span}`}`,
    got: 'none',
    remedy: 'build a plugin for this machine, and name it in PJRT_PLUGIN',
  });
}

/** Unpacks beside the folder, then puts the new one in its place. */
async function replace(
  cache: string,
  folder: string,
  wheels: readonly WheelFile[],
  http: HttpOptions,
  onProgress: ((progress: WheelProgress) => void) | undefined,
): Promise<void> {
  const downloads = join(cache, '.downloads');
  await mkdir(downloads, { recursive: true });
  // what an installation left that was killed; nobody else is at work here
  for (const name of readdirSync(cache))
    if (name.startsWith('.unpacked-')) await rm(join(cache, name), { recursive: true });
  const unpacked = join(cache, `.unpacked-${randomUUID()}`);
  for (const wheel of wheels) {
    const file = join(downloads, wheel.filename);
    if (!existsSync(file)) await fetchWheel(wheel, file, http, onProgress);
    await unpackWheel(file, unpacked);
  }
  const receipt: Receipt = { wheels: wheels.map(({ filename, sha256 }) => ({ filename, sha256 })) };
  await writeFileAtomically(join(unpacked, RECEIPT), [new TextEncoder().encode(JSON.stringify(receipt, null, 2))]);
  const old = join(cache, `.unpacked-${randomUUID()}`);
  if (existsSync(folder)) await rename(folder, old);
  await rename(unpacked, folder);
  await rm(old, { recursive: true, force: true });
  await rm(downloads, { recursive: true, force: true });
}

function receiptOf(folder: string): Receipt | undefined {
  try {
    const receipt = JSON.parse(readFileSync(join(folder, RECEIPT), 'utf8')) as Receipt;
    return Array.isArray(receipt.wheels) ? receipt : undefined;
  } catch {
    return undefined;
  }
}
