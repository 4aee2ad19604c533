import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { BackendName } from '../engine/backends.js';
import { type Tried, tryInChild, type XlaFinding, xlaDoctor } from './children.js';

/** What a processor has to compute with. */
export interface Processor {
  readonly model: string;
  /** Threads that may run at once. */
  readonly threads: number;
  /** Cores' worth of time that a container may use; undefined without a limit. */
  readonly quota?: number;
  /** Names of instruction sets as Linux lists them; undefined where nobody says. */
  readonly features?: ReadonlySet<string>;
}

/** In bytes. */
export interface Memory {
  readonly total: number;
  /** Of the container; undefined without one. */
  readonly limit?: number;
  readonly available: number;
}

/** Where a folder is or would be made. */
export interface Disk {
  readonly writable: boolean;
  /** Bytes. */
  readonly free: number;
}

/** What doctor asks of the machine; tests put their own in its place. */
export interface Machine {
  readonly nodeVersion: string;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly env: NodeJS.ProcessEnv;
  readonly fetch: typeof fetch;
  /** True for a C library that is not glibc. */
  isMusl(): boolean;
  processor(): Processor;
  memory(): Memory;
  disk(folder: string): Promise<Disk>;
  /** Whether there is something like a GPU. */
  hasGpu(): boolean;
  /** Lets an engine train a small step, in a process of its own: what is native may end it. */
  tryEngine(name: BackendName): Promise<Tried>;
  /** Decodes a small picture. */
  tryPictures(): Promise<Tried>;
  /** Undefined where `@diptych/pjrt` is not installed. */
  xla(): Promise<readonly XlaFinding[] | undefined>;
}

/**
 * This machine.
 *
 * @param script that runs the command line, for the processes that it starts
 */
export function thisMachine(script: string): Machine {
  const { platform, arch, env } = process;
  return {
    nodeVersion: process.versions.node,
    platform,
    arch,
    env,
    fetch,
    isMusl: () => platform === 'linux' && isMusl(),
    processor,
    memory,
    disk,
    hasGpu: () => platform !== 'linux' || ['/dev/dri', '/dev/nvidia0', '/dev/dxg'].some(existsSync),
    tryEngine: (name) => tryInChild(script, name),
    tryPictures,
    xla: xlaDoctor,
  };
}

function isMusl(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined;
}

function processor(): Processor {
  const features = textOf('/proc/cpuinfo')?.match(/^(?:flags|Features)\s*:(.*)$/m)?.[1];
  const quota = cpuQuota();
  return {
    model: cpus()[0]?.model.trim() ?? 'unknown',
    threads: availableParallelism(),
    ...(quota !== undefined && { quota }),
    ...(features !== undefined && { features: new Set(features.trim().split(/\s+/)) }),
  };
}

/** Control groups of version 2, then 1: time and period in microseconds. */
function cpuQuota(): number | undefined {
  const [time, period] =
    textOf('/sys/fs/cgroup/cpu.max')?.trim().split(' ') ??
    ['quota', 'period'].map((name) => textOf(`/sys/fs/cgroup/cpu/cpu.cfs_${name}_us`)?.trim());
  const quota = Number(time) / Number(period);
  return quota > 0 ? quota : undefined;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function memory(): Memory {
  const total = totalmem();
  const limit = process.constrainedMemory();
  const isLimited = limit > 0 && limit < total;
  return {
    total,
    available: Math.min(freemem(), process.availableMemory?.() ?? Number.POSITIVE_INFINITY),
    ...(isLimited && { limit }),
  };
}

async function disk(folder: string): Promise<Disk> {
  let path = resolve(folder);
  while (!existsSync(path) && path !== dirname(path)) path = dirname(path);
  const { bavail, bsize } = await statfs(path);
  return { writable: statSync(path).isDirectory() && isWritable(path), free: bavail * bsize };
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function tryPictures(): Promise<Tried> {
  try {
    const { default: sharp } = await import('sharp');
    const plain = sharp({ create: { width: 8, height: 8, channels: 3, background: 'white' } });
    await sharp(await plain.jpeg().toBuffer())
      .raw()
      .toBuffer();
    return {};
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    return { error: message, remedy: 'npm install --include=optional sharp, on the platform where it runs' };
  }
}
