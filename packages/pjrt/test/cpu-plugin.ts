import { resolve } from 'node:path';
import { findPlugin, installPlugin } from '../src/index';

/** Where the tests keep what they fetch. */
export const CACHE = resolve(import.meta.dirname, '../../../.cache/pjrt');

/** The CPU plugin that the tests run on: what PJRT_PLUGIN names, or the one in .cache, or fetched into it (DIPTYCH_PJRT=fetch, 63 MB). */
export const [cpuPlugin, reason] = await found();

async function found(): Promise<[path: string | undefined, reason: string]> {
  const path = findPlugin('cpu', { cache: CACHE });
  if (path !== undefined) return [path, ''];
  if (process.env.DIPTYCH_PJRT !== 'fetch') return [undefined, ' (skipped: no CPU plugin; set DIPTYCH_PJRT=fetch)'];
  try {
    const installed = await installPlugin('cpu', { cache: CACHE, http: { retries: 1 } });
    return [installed.path, ''];
  } catch (error) {
    return [undefined, ` (skipped: ${(error as Error).message})`];
  }
}
