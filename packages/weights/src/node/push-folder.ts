import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError, checkOptions, checkPath, HubError, type OptionNames } from '@diptych/core';
import { publicName, retryingFetch } from '@diptych/core/http';
import { hubError } from '../hub-error.js';
import { parseHubId } from '../hub-id.js';
import type { HubOptions } from '../hub-options.js';
import { withToken } from '../with-token.js';
import { folderSource } from './folder-source.js';
import { hubEnvironment } from './hub-environment.js';

/** Options of {@link pushFolder}. */
export interface PushOptions extends Pick<HubOptions, 'token' | 'endpoint' | 'retry' | 'fetch'> {
  /** Branch to commit to; made from the default one where it is not there. Default `main`. */
  readonly revision?: string;
  /** Visible to others, where the repository is made now. Default false. */
  readonly public?: boolean;
  /** Of the commit. Default `Upload with diptych`. */
  readonly message?: string;
  /** Called with each file that is there, of all. */
  readonly onProgress?: (progress: { readonly file: string; readonly done: number; readonly total: number }) => void;
}

/** What was pushed. */
export interface PushReport {
  /** Page of the model. */
  readonly url: string;
  /** Hash of the commit. */
  readonly commit: string;
  /** Whether the repository is new. */
  readonly created: boolean;
  readonly files: readonly string[];
}

const WHERE = 'weights.pushFolder';
const OPTIONS: OptionNames<PushOptions> = {
  token: 'optional',
  endpoint: 'optional',
  retry: 'optional',
  fetch: 'optional',
  revision: 'optional',
  public: 'optional',
  message: 'optional',
  onProgress: 'optional',
};
const MESSAGE = 'Upload with diptych';
/** An upload is silent until all of it is there: a large file on a slow line takes its time. */
const LONGEST_UPLOAD = 3_600_000;

/**
 * Uploads a folder to a model repository of the Hugging Face hub as one commit: files of before that the folder has not stay. A repository that
 * is not there yet is made, private. Connections that break, and answers 429 and 5xx, are tried again; what was uploaded by then is not sent twice.
 * Names that begin with a dot are left out.
 *
 * @param id `org/name`
 * @throws ConfigError without a token, or for what is no id; HubError if the hub refuses, or cannot be reached
 */
export async function pushFolder(folder: string, id: string, options: PushOptions = {}): Promise<PushReport> {
  checkPath(WHERE, folder);
  checkOptions(WHERE, options, OPTIONS);
  const { repo } = parseHubId(id);
  if (!repo.includes('/') || id.includes('@')) {
    throw new ConfigError({ where: WHERE, expected: 'org/name; a branch is the option revision', got: id });
  }
  const { revision = 'main', message = MESSAGE, onProgress } = options;
  const { endpoint, token } = hubEnvironment({ token: options.token, endpoint: options.endpoint });
  if (!token) {
    throw new ConfigError({
      where: `${WHERE}: ${repo}`,
      expected: 'a token that may write',
      got: 'none',
      remedy: `set HF_TOKEN, or log in: hf auth login (${endpoint}/settings/tokens)`,
    });
  }
  const source = folderSource(folder);
  const files = (await source.list()).filter((path) => !path.split('/').some((part) => part.startsWith('.')));
  if (files.length === 0) {
    throw new ConfigError({ where: `${WHERE}: ${folder}`, expected: 'a folder with files', got: 'an empty one' });
  }
  const ask = refusing(repo, withToken(repo, endpoint, token, options.fetch ?? fetch));
  const patience = { stallTimeout: LONGEST_UPLOAD, ...options.retry };
  const request = retryingFetch({ ...patience, fetch: ask }, (failure, url) => hubError(repo, url, failure));
  const access = { hubUrl: endpoint, fetch: request };
  const { commitIter, createBranch, createRepo } = await import('@huggingface/hub');
  const model = { type: 'model', name: repo } as const;

  if (files.includes('README.md')) await checkCard(request, endpoint, repo, await source.read('README.md'));
  const visibility = options.public ? 'public' : 'private';
  // the token goes with `fetch`, to the hub alone
  const created = await unlessThere(() => createRepo({ ...access, repo: model, visibility } as never));
  if (revision !== 'main') await unlessThere(() => createBranch({ ...access, repo: model, branch: revision }));
  const operations = files.map((path) => ({
    operation: 'addOrUpdate' as const,
    path,
    content: pathToFileURL(join(folder, path)),
  }));
  const commits = commitIter({ ...access, repo: model, branch: revision, title: message, operations });
  const done = new Set<string>();
  for (;;) {
    const { value, done: isLast } = await commits.next();
    if (isLast) {
      const commit = value?.commit.oid;
      if (!commit) throw new HubError({ where: repo, expected: 'a commit from the hub', got: 'none' });
      return { url: `${endpoint}/${repo}`, commit, created, files };
    }
    if (value.event !== 'fileProgress' || value.state !== 'uploading' || value.progress < 1) continue;
    if (done.has(value.path)) continue;
    done.add(value.path);
    onProgress?.({ file: value.path, done: done.size, total: files.length });
  }
}

/** False where the hub says that it is there already. */
async function unlessThere(make: () => Promise<unknown>): Promise<boolean> {
  try {
    await make();
    return true;
  } catch (error) {
    if (error instanceof RefusedError && error.status === 409) return false;
    throw error;
  }
}

/** The hub checks the block of a card when all is uploaded; so it is asked before. Mirrors need not know how. */
async function checkCard(request: typeof fetch, endpoint: string, repo: string, card: Uint8Array): Promise<void> {
  const body = JSON.stringify({ content: new TextDecoder().decode(card), repoType: 'model' });
  const headers = { 'content-type': 'application/json' };
  try {
    await request(`${endpoint}/api/validate-yaml`, { method: 'POST', headers, body });
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    if (error.status !== 400) return;
    const remedy = 'mend the block between the lines of --- in README.md';
    throw new HubError(
      { where: `${repo}/README.md`, problem: error.said ?? 'the hub refuses the card', remedy },
      { cause: error },
    );
  }
}

/** An answer of the hub that says no, with what it says. */
class RefusedError extends HubError {
  readonly status: number;
  readonly said: string | undefined;

  constructor(where: string, url: string, status: number, said: string | undefined) {
    const remedy = REMEDIES[status];
    const problem = `${PROBLEMS[status] ?? 'the hub refused'} (HTTP ${status} for ${publicName(url)})${said ? `: ${said}` : ''}`;
    super({ where, problem, ...(remedy && { remedy }) });
    this.status = status;
    this.said = said;
  }
}

const PROBLEMS: Readonly<Record<number, string>> = {
  401: 'the hub does not know this token',
  403: 'this token may not write there',
  404: 'there is no such repository',
  409: 'it is there already, or was changed meanwhile',
  413: 'a file is too large',
};
const REMEDIES: Readonly<Record<number, string>> = {
  401: 'make a new one with the right to write, and set HF_TOKEN or log in again: hf auth login',
  403: 'check the name before the slash, and that the token has the right to write to it',
  409: 'push again',
};

/** A `fetch` that throws for answers that trying again does not change, with the hub's own words. */
function refusing(where: string, base: typeof fetch): typeof fetch {
  return async (input, init) => {
    const response = await base(input, init);
    const { status } = response;
    if (status < 400 || status >= 500 || status === 408 || status === 429) return response;
    const text = (await response.text().catch(() => '')).slice(0, 2000);
    throw new RefusedError(where, String(input instanceof Request ? input.url : input), status, said(text));
  };
}

function said(text: string): string | undefined {
  try {
    const { error, message, errors } = JSON.parse(text) as Record<string, unknown>;
    const list = Array.isArray(errors) ? errors.map((one) => (one as { message?: unknown })?.message ?? one) : [];
    return [error, message, ...list].filter((part) => typeof part === 'string').join('; ') || undefined;
  } catch {
    return undefined;
  }
}
