/** How far the download of one file is. */
export interface DownloadProgress {
  /** `org/name@revision`. */
  readonly source: string;
  readonly file: string;
  /** Bytes that are here, those of an earlier, interrupted download included. */
  readonly loaded: number;
  readonly total: number;
}

/** How failed requests are repeated. */
export interface RetryOptions {
  /** Attempts that may fail in a row before giving up; a download that moves on starts counting anew. Default 5. */
  readonly attempts?: number;
  /** Wait before the second attempt in milliseconds; it doubles from there, up to 30 s. Default 500. */
  readonly delay?: number;
  /** Longest wait that a server may ask for (`Retry-After`) in milliseconds. Default 120,000. */
  readonly longestWait?: number;
  /** Time in milliseconds without a byte after which a connection counts as lost. Default 30,000. */
  readonly stallTimeout?: number;
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
  readonly retry?: RetryOptions;
  /** In place of the global `fetch`, for proxies. */
  readonly fetch?: typeof fetch;
}

/** Where models come from if nothing else is said. */
export const DEFAULT_ENDPOINT = 'https://huggingface.co';
