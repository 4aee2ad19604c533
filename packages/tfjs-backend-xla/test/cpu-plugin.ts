import { resolve } from 'node:path';
import { type Client, findPlugin, installPlugin, Plugin } from '@diptych/pjrt';

/** Where the tests of this package and of @diptych/pjrt keep what they fetch. */
export const CACHE = resolve(import.meta.dirname, '../../../.cache/pjrt');

/** The CPU plugin that the tests run on: what PJRT_PLUGIN names, or the one in .cache, or fetched into it (DIPTYCH_PJRT=fetch, 63 MB). */
export const [cpuPlugin, reason] = await found();

async function found(): Promise<[path: string | undefined, reason: string]> {
  const path = findPlugin('cpu', { cache: CACHE });
  if (path !== undefined) return [path, ''];
  if (process.env.DIPTYCH_PJRT !== 'fetch') return [undefined, ' (skipped: no CPU plugin; set DIPTYCH_PJRT=fetch)'];
  try {
    return [(await installPlugin('cpu', { cache: CACHE, http: { retries: 1 } })).path, ''];
  } catch (error) {
    return [undefined, ` (skipped: ${(error as Error).message})`];
  }
}

let client: Promise<Client> | undefined;

/** One client of four CPU devices for all tests of a file; it ends with the process. */
export const cpuClient = () => (client ??= Plugin.load(cpuPlugin!).createClient({ cpu_device_count: 4 }));
