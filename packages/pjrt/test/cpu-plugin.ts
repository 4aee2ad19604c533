import { resolve } from 'node:path';
import { findPlugin } from '../src/index';

/** Where the tests keep what they fetch. */
export const CACHE = resolve(import.meta.dirname, '../../../.cache/pjrt');

/** The CPU plugin that the tests run on: what PJRT_PLUGIN names, or the one in .cache. */
export const cpuPlugin = findPlugin('cpu', { cache: CACHE });

/** Why they do not, where there is none. */
export const reason = cpuPlugin ? '' : ' (skipped: no CPU plugin; npx diptych-pjrt install cpu --cache .cache/pjrt)';
