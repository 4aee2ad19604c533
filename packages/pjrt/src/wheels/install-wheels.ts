import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkFields, checkList, checkOptions, checkText, EngineError, type OptionNames } from '@diptych/core';
import type { HttpOptions } from '@diptych/core/http';
import { FolderLock, writeFileAtomically } from '@diptych/core/node';
import { fetchWheel, type WheelProgress } from './fetch-wheel.js';
import { unpackWheel } from './unpack-wheel.js';
import { newestWheel, type WheelFile, type WheelRange } from './wheel-files.js';
import { indexAddress, wheelsOf } from './wheel-index.js';

/** How wheels are installed. */
export interface WheelInstallOptions {
  /** A simple index (PEP 503) to ask. Default: PIP_INDEX_URL, UV_DEFAULT_INDEX, else the public one. */
  readonly index?: string;
  /** As Node names them: `linux-x64`. Default: this machine's. */
  readonly platform?: string;
  readonly http?: HttpOptions;
  readonly onProgress?: (progress: WheelProgress) => void;
  /** What to do where an index has no wheel for the platform. */
  readonly remedy?: string;
}

/** What an installation brought. */
export interface InstalledWheels {
  /** Names of the wheels' files. */
  readonly wheels: readonly string[];
  /** False where the same wheels were there already. */
  readonly isNew: boolean;
}

const OPTIONS: OptionNames<WheelInstallOptions> = {
  index: 'optional',
  platform: 'optional',
  http: 'optional',
  onProgress: 'optional',
  remedy: 'optional',
};

interface Receipt {
  readonly wheels: readonly { readonly filename: string; readonly sha256: string }[];
}

const RECEIPT = 'diptych-pjrt.json';

/**
 * Fetches the newest wheels of distributions from Python's package index and unpacks them into one folder of a cache, without
 * Python. Hashes are checked, downloads go on where they stopped, and the folder is there as a whole or not at all.
 *
 * @param name of the folder in the cache
 * @throws HubError if the index or a wheel cannot be had
 * @throws EngineError if there is no wheel for the platform
 * @throws ConfigError for arguments that are none
 */
export async function installWheels(
  cache: string,
  name: string,
  ranges: readonly WheelRange[],
  options: WheelInstallOptions = {},
): Promise<InstalledWheels> {
  const where = 'pjrt.installWheels';
  checkText(where, 'cache', cache);
  checkText(where, 'name', name);
  checkList(where, 'ranges', ranges);
  for (const range of ranges) checkFields(where, 'a range', range, ['distribution']);
  checkOptions(where, options, OPTIONS);
  const { http = {}, onProgress } = options;
  await mkdir(cache, { recursive: true });
  const lock = await locked(cache, http.signal);
  try {
    const wheels = await wanted(ranges, options);
    const folder = join(cache, name);
    const before = receiptOf(folder);
    const isNew = !wheels.every(({ sha256 }) => before?.wheels.some((one) => one.sha256 === sha256));
    if (isNew) await replace(cache, folder, wheels, http, onProgress);
    return { wheels: wheels.map(({ filename }) => filename), isNew };
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

async function wanted(ranges: readonly WheelRange[], options: WheelInstallOptions): Promise<WheelFile[]> {
  const { platform = thisPlatform(), http = {} } = options;
  const index = indexAddress(options.index);
  const wheels: WheelFile[] = [];
  for (const range of ranges) {
    const wheel = newestWheel(await wheelsOf(range.distribution, index, http), range, platform);
    if (!wheel) throw noWheel(range, index, platform, options.remedy);
    wheels.push(wheel);
  }
  return wheels;
}

function noWheel(
  { distribution, from, below }: WheelRange,
  index: string,
  platform: string,
  remedy: string | undefined,
): EngineError {
  const span = [from && `from ${from}`, below && `below ${below}`].filter(Boolean).join(', ');
  return new EngineError({
    where: `${distribution} of ${index.replace(/\/\/[^/]*@/, '//')}`,
    expected: `a wheel for ${platform}${span && ` ${span}`}`,
    got: 'none',
    ...(remedy !== undefined && { remedy }),
  });
}

function thisPlatform(): string {
  return `${process.platform}-${process.arch}`;
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
