import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_ENDPOINT, type HubOptions } from '../hub-options.js';

/** Options of the hub in Node, beside those that browsers have too. */
export interface NodeHubOptions extends HubOptions {
  /** Default: HF_HUB_CACHE, else `$HF_HOME/hub`, else `~/.cache/huggingface/hub`: the cache that Python uses. */
  readonly cacheDir?: string;
  /** Use the cache only. Default: HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE. */
  readonly offline?: boolean;
}

/** Everything that the environment decides, after the options. */
export interface HubEnvironment {
  readonly cacheDir: string;
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly offline: boolean;
}

/**
 * Reads the environment variables that Python's huggingface_hub reads, with the same defaults.
 *
 * @param env for tests; by default the process's
 */
export function hubEnvironment(options: NodeHubOptions = {}, env: NodeJS.ProcessEnv = process.env): HubEnvironment {
  const home = expandHome(env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface'));
  const cacheDir = options.cacheDir ?? env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE ?? join(home, 'hub');
  return {
    cacheDir: expandHome(cacheDir),
    endpoint: (options.endpoint ?? (env.HF_ENDPOINT || DEFAULT_ENDPOINT)).replace(/\/+$/, ''),
    token: options.token ?? findToken(home, env),
    offline: options.offline ?? isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
  };
}

function findToken(home: string, env: NodeJS.ProcessEnv): string | undefined {
  const given = (env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN)?.trim();
  if (given) return given;
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  try {
    return readFileSync(expandHome(env.HF_TOKEN_PATH ?? join(home, 'token')), 'utf8').trim() || undefined;
  } catch {
    // Nobody is logged in.
    return undefined;
  }
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}

function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
