import { Worker } from 'node:worker_threads';
import { EngineError } from '@diptych/core';
import { END, receiveError, type SentError } from '../model/protocol.js';
import { checkWatchOptions, type RunningPage, serveRuns, type WatchRunsOptions, WHERE } from './serve-runs.js';

type Reply =
  | { readonly ready: { readonly url: string; readonly port: number } }
  | { readonly failed: SentError }
  | { readonly error: SentError };

/**
 * Serves the training page: runs as they go and as they went, compared, stopped and gone on with. It reads the runs' folder, so it may run in the
 * program that trains, in another, or after all of them have ended.
 *
 * ```ts ignore
 * const page = await watchRuns({ runs: 'runs' });
 * console.log(page.url);
 * ```
 *
 * @throws ConfigError for options that cannot be, such as another host without a token, or a taken port
 */
export async function watchRuns(options: WatchRunsOptions): Promise<RunningPage> {
  checkWatchOptions(options);
  const { thread = true, onError = console.error, workerFile, ...rest } = options;
  if (!thread) return serveRuns(options);
  const worker = new Worker(workerFile ?? new URL('./watch-worker.js', import.meta.url), {
    workerData: { ...rest, ...(rest.pageFolder && { pageFolder: String(rest.pageFolder) }) },
    execArgv: [], // loaders of the program are none of its business
  });
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const { url, port } = await new Promise<{ url: string; port: number }>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () =>
      reject(new EngineError({ where: WHERE, problem: 'its thread ended before it listened' })),
    );
    worker.on('message', (reply: Reply) => {
      if ('ready' in reply) resolve(reply.ready);
      else if ('failed' in reply) reject(receiveError(reply.failed));
      else onError(receiveError(reply.error));
    });
  });
  worker.on('error', onError); // the page is gone; training goes on
  return {
    url,
    port,
    async close() {
      worker.postMessage(END);
      await gone;
    },
  };
}
