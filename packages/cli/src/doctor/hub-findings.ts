import { publicName } from '@diptych/core/http';
import { hubEnvironment, openSource } from '@diptych/weights/node';
import { DEFAULT_TOWERS } from '../job/towers/tower-names.js';
import { type Finding, fine, gibibytes, mend, note } from './finding.js';
import type { Machine } from './machine.js';

const SECONDS = 10;

/** Whether pretrained towers can be fetched, whether the hub knows the token, and what the cache has. */
export async function hubFindings({ env, fetch, disk }: Machine): Promise<Finding[]> {
  const { endpoint, token, offline, cacheDir } = hubEnvironment({}, env);
  const findings: Finding[] = [];
  const towers = await Promise.all(Object.values(DEFAULT_TOWERS).map((name) => isCached(name, cacheDir)));
  const cached = towers.every(Boolean);
  if (offline) {
    const remedy = cached
      ? 'take HF_HUB_OFFLINE away to fetch others'
      : 'take HF_HUB_OFFLINE away, or name folders: --image, --text';
    findings.push(note('hub', 'not asked: offline mode', remedy));
  } else {
    findings.push(...(await reached({ endpoint, token, env, fetch, cached })));
  }
  const names = Object.values(DEFAULT_TOWERS).join(', ');
  findings.push(
    cached
      ? fine('default towers', `in the cache: ${names}`)
      : note(
          'default towers',
          `not in the cache: ${names}`,
          'the first diptych train fetches them (109 MB); without them it trains from scratch',
        ),
  );
  const { writable, free } = await disk(cacheDir);
  const where = `${cacheDir}, ${gibibytes(free)} free`;
  findings.push(
    writable
      ? fine('hub cache', where)
      : note(
          'hub cache',
          `${where}, cannot be written`,
          'set HF_HUB_CACHE to a folder that can be: models are kept there',
        ),
  );
  return findings;
}

interface Asked {
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly fetch: typeof fetch;
  /** Whether training on towers works without the hub. */
  readonly cached: boolean;
}

async function reached({ endpoint, token, env, fetch, cached }: Asked): Promise<Finding[]> {
  const address = publicName(endpoint);
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${endpoint}/api/${path}`, { headers, signal: AbortSignal.timeout(SECONDS * 1000) });
    await answer.body?.cancel();
    return answer.status;
  };
  try {
    const status = await ask(`models/${DEFAULT_TOWERS.text}`);
    if (status !== 200) return [note('hub', `${address} answers ${status}`, 'check HF_ENDPOINT and any proxy')];
  } catch (error) {
    const without = cached ? 'the default towers are in the cache' : 'name towers by folder: --image, --text';
    const remedy = `check the network and HF_ENDPOINT${proxyHint(env)}; ${without}`;
    return [note('hub', `${address} cannot be reached: ${reason(error).replaceAll(endpoint, address)}`, remedy)];
  }
  const findings = [fine('hub', `${address} answers`)];
  if (token === undefined) return [...findings, fine('hub token', 'none: public models only')];
  if (!/^[\x21-\x7e]+$/.test(token)) {
    return [
      ...findings,
      mend('hub token', 'has spaces or line breaks', 'correct HF_TOKEN, or log in again: hf auth login'),
    ];
  }
  try {
    const status = await ask('whoami-v2', { authorization: `Bearer ${token}` });
    if (status === 401 || status === 403) {
      const remedy = 'make a new one (hf auth login), or take HF_TOKEN away: with it public models are refused too';
      return [...findings, mend('hub token', `refused (${status})`, remedy)];
    }
    return [
      ...findings,
      status === 200 ? fine('hub token', 'known') : note('hub token', `the hub answers ${status}`, 'try again later'),
    ];
  } catch (error) {
    return [...findings, note('hub token', reason(error).replaceAll(endpoint, address), 'try again')];
  }
}

/** Node's fetch passes over the variables that curl and Python read. */
function proxyHint(env: NodeJS.ProcessEnv): string {
  const proxy = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'].find(
    (name) => env[name],
  );
  if (proxy === undefined || env.NODE_USE_ENV_PROXY) return '';
  return `; ${proxy} is set, which Node reads only with NODE_USE_ENV_PROXY=1 (Node 22.21 or 24)`;
}

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${(cause as NodeJS.ErrnoException).code ?? cause.message})` : message;
}

async function isCached(name: string, cacheDir: string): Promise<boolean> {
  try {
    await openSource(name, { offline: true, cacheDir }).read('config.json');
    return true;
  } catch {
    return false;
  }
}
