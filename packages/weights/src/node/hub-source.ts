import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { checkPath, HubError } from '@diptych/core';
import { publicName, retryingFetch } from '@diptych/core/http';
import { listFiles as listHubFiles, modelInfo } from '@huggingface/hub';
import { download, throttledProgress } from '../download.js';
import { hubError, isUnreachable } from '../hub-error.js';
import { isCommitHash, parseHubId } from '../hub-id.js';
import { fileUrl, type HubFile, type HubSnapshot, type TreeEntry, toSnapshot, wrongHash } from '../hub-repository.js';
import { checkRelativePath, missingFile, type WeightSource } from '../weight-source.js';
import { withToken } from '../with-token.js';
import { type DownloadBars, defaultDownloadBars } from './download-bars.js';
import { listFiles } from './folder-source.js';
import { HubCache, hashFile, syncFile } from './hub-cache.js';
import { hubEnvironment, type NodeHubOptions } from './hub-environment.js';
import { openSafetensors } from './open-safetensors.js';

/** A model on the hub, whose files are kept on disk. */
export interface CachedHubSource extends WeightSource {
  /** The file's path on disk, fetched first where needed: for libraries that want a path. */
  localPath(path: string): Promise<string>;
}

/**
 * A model on the Hugging Face hub (or a mirror), through the cache that Python's libraries share: what either of them
 * fetched is not fetched again. A file is fetched when it is first asked for, in parts if connections break, and its
 * SHA-256 (small files: git's SHA-1) is checked before it enters the cache. Any number of processes may do so at once.
 *
 * If the hub cannot be reached, the revision that the cache knows is used. A full commit hash as revision always means
 * the same files, and needs no network once they are cached.
 *
 * @param id `org/name` or `org/name@revision`
 * @throws ConfigError if the id is malformed; methods throw HubError when a file cannot be had
 */
export function hubSource(id: string, options: NodeHubOptions = {}): CachedHubSource {
  checkPath('weights.hubSource', id);
  return new HubSource(id, options);
}

class HubSource implements CachedHubSource {
  readonly name: string;
  readonly #repo: string;
  readonly #revision: string;
  readonly #options: NodeHubOptions;
  readonly #endpoint: string;
  readonly #offline: boolean;
  readonly #cache: HubCache;
  /** Asks once, with the token. */
  readonly #fetch: typeof fetch;
  /** Asks until there is an answer. */
  readonly #request: typeof fetch;
  readonly #bars: DownloadBars | undefined;
  #snapshot: Promise<HubSnapshot | CachedSnapshot> | undefined;
  readonly #downloads = new Map<string, Promise<string>>();

  constructor(id: string, options: NodeHubOptions) {
    const { repo, revision } = parseHubId(id, options.revision);
    const { cacheDir, endpoint, token, offline } = hubEnvironment(options);
    this.name = `${repo}@${revision}`;
    this.#repo = repo;
    this.#revision = revision;
    this.#options = options;
    this.#endpoint = endpoint;
    this.#offline = offline;
    this.#cache = new HubCache(cacheDir, repo);
    this.#bars = options.onProgress ? undefined : defaultDownloadBars();
    this.#fetch = withToken(this.name, endpoint, token, options.fetch ?? fetch);
    this.#request = retryingFetch({ ...options.retry, fetch: this.#fetch }, (failure, url) =>
      hubError(this.name, url, failure),
    );
  }

  async list(): Promise<readonly string[]> {
    return [...(await this.#resolve()).files.keys()].sort();
  }

  async read(path: string): Promise<Uint8Array> {
    return readFile(await this.localPath(path));
  }

  async openTensors(path: string) {
    return openSafetensors(await this.localPath(path));
  }

  localPath(path: string): Promise<string> {
    const running = this.#downloads.get(path);
    if (running) return running;
    const started = this.#locate(path);
    this.#downloads.set(path, started);
    // A failure must not stay: the next call tries again.
    started.catch(() => this.#downloads.delete(path));
    return started;
  }

  async #locate(path: string): Promise<string> {
    checkRelativePath(this.name, path);
    if (isCommitHash(this.#revision)) {
      const cached = this.#cache.find(this.#revision, path);
      if (cached) return cached;
    }
    const snapshot = await this.#resolve();
    if (isCached(snapshot)) {
      const cached = this.#cache.find(snapshot.commit, path);
      if (cached) return cached;
      throw this.#notCached(`the file ${path}`, snapshot.reason);
    }
    const file = snapshot.files.get(path);
    if (!file) throw missingFile(this, path, await this.list());
    return this.#cache.add(snapshot.commit, file, (partial) => this.#download(snapshot.commit, file, partial));
  }

  #resolve(): Promise<HubSnapshot | CachedSnapshot> {
    if (!this.#snapshot) {
      const snapshot = this.#ask();
      this.#snapshot = snapshot;
      snapshot.catch(() => {
        this.#snapshot = undefined;
      });
    }
    return this.#snapshot;
  }

  async #ask(): Promise<HubSnapshot | CachedSnapshot> {
    if (this.#offline) return this.#fromCache(new HubError({ where: this.name, problem: 'offline mode' }));
    const access = { hubUrl: this.#endpoint, fetch: this.#request };
    try {
      const { sha } = await modelInfo({
        ...access,
        name: this.#repo,
        revision: this.#revision,
        additionalFields: ['sha'],
      });
      const entries: TreeEntry[] = [];
      const repo = { type: 'model', name: this.#repo } as const;
      for await (const entry of listHubFiles({ ...access, repo, revision: sha, recursive: true })) entries.push(entry);
      const snapshot = toSnapshot(this.name, sha, entries);
      if (!isCommitHash(this.#revision)) await this.#cache.writeRef(this.#revision, snapshot.commit);
      return snapshot;
    } catch (error) {
      if (isUnreachable(error)) return this.#fromCache(error as HubError);
      throw error instanceof SyntaxError || error instanceof TypeError ? this.#badAnswer(error) : error;
    }
  }

  #badAnswer(cause: Error): HubError {
    return new HubError(
      {
        where: this.name,
        expected: `${publicName(this.#endpoint)} to answer as the Hugging Face hub does`,
        problem: cause.message,
        remedy: 'check HF_ENDPOINT and any proxy',
      },
      { cause },
    );
  }

  /** What the cache has of this revision, when the hub cannot be asked. */
  #fromCache(reason: HubError): CachedSnapshot {
    const commit = isCommitHash(this.#revision) ? this.#revision : this.#cache.readRef(this.#revision);
    if (!commit || !isCommitHash(commit)) throw this.#notCached('this model', reason);
    let files: string[];
    try {
      files = listFiles(this.#cache.snapshot(commit));
    } catch {
      throw this.#notCached('this model', reason);
    }
    return { commit, files: new Map(files.map((path) => [path, undefined])), reason };
  }

  #notCached(what: string, reason: HubError): HubError {
    return new HubError(
      {
        where: this.name,
        problem: `${what} is not in the cache ${this.#cache}, and the hub was not asked or not reached (${reason.message})`,
        remedy: this.#offline ? 'fetch it once without HF_HUB_OFFLINE' : 'try again when the network is back',
      },
      { cause: reason },
    );
  }

  async #download(commit: string, file: HubFile, partial: string): Promise<void> {
    let start = await sizeOrZero(partial);
    if (start > file.size) {
      await rm(partial, { force: true });
      start = 0;
    }
    // A partial file may be damaged; then the whole is fetched once more before it is an error.
    for (let from = start; ; from = 0) {
      await this.#fetchInto(commit, file, partial, from);
      const got = await hashFile(partial, file);
      if (got === file.hash.hex) break;
      await rm(partial, { force: true });
      if (from === 0) throw wrongHash(this.name, file, got);
    }
    await syncFile(partial);
  }

  async #fetchInto(commit: string, file: HubFile, partial: string, start: number): Promise<void> {
    const target = await open(partial, start > 0 ? 'r+' : 'w');
    const onProgress = this.#options.onProgress ?? (this.#bars && ((progress) => this.#bars?.report(progress)));
    try {
      await download({
        where: `${this.name}/${file.path}`,
        url: fileUrl(this.#endpoint, this.#repo, commit, file.path),
        size: file.size,
        start,
        write: (bytes, position) => writeAt(target, bytes, position),
        report: throttledProgress(onProgress, this.name, file.path, file.size),
        fetch: this.#fetch,
        retry: this.#options.retry,
      });
    } finally {
      this.#bars?.finish(file.path);
      await target.close();
    }
  }
}

/** A snapshot as far as the cache has it; sizes and hashes are not known, as the hub was not asked. */
interface CachedSnapshot {
  readonly commit: string;
  readonly files: ReadonlyMap<string, undefined>;
  readonly reason: HubError;
}

function isCached(snapshot: HubSnapshot | CachedSnapshot): snapshot is CachedSnapshot {
  return 'reason' in snapshot;
}

async function writeAt(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await target.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function sizeOrZero(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}
