import type { RetryOptions } from '@diptych/core/http';

/** How far the download of one file is. */
export interface DownloadProgress {
  /** `org/name@revision`. */
  readonly source: string;
  readonly file: string;
  /** Bytes that are here, those of an earlier, interrupted download included. */
  readonly loaded: number;
  readonly total: number;
}

/** How models are fetched from a hub. */
export interface HubOptions {
  /** Branch, tag or commit, where the id does not name one. Default `main`. */
  readonly revision?: string;
  /** Access token for private and gated models. Node: by default HF_TOKEN, or the file that `hf auth login` wrote. */
  readonly token?: string;
  /** Address of the hub. Node: by default HF_ENDPOINT. */
  readonly endpoint?: string;
  /**
   * Called as bytes arrive, at most about ten times a second for each file, and at its end. In Node, by default, bars
   * are drawn on standard error if that is a terminal.
   */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** How failed requests are repeated: `{ retries, backoff, stallTimeout, longestWait }`. */
  readonly retry?: RetryOptions;
  /** In place of the global `fetch`, for proxies. */
  readonly fetch?: typeof fetch;
}

/** Where models come from if nothing else is said. */
export const DEFAULT_ENDPOINT = 'https://huggingface.co';
