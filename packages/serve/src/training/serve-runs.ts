import { ConfigError, checkOptions, checkPath, isDiptychError, type OptionNames } from '@diptych/core';
import { Hono } from 'hono';
import { HttpError, problemOf, problemResponse } from '../api/problem.js';
import { BodyReader } from '../api/read-body.js';
import { Gate } from '../guard/check-caller.js';
import { SECURITY_HEADERS } from '../guard/headers.js';
import { checkListening, listen } from '../guard/listen.js';
import { checkLimits } from '../limits.js';
import { Thumbnails } from '../pictures/thumbnails.js';
import { RunsFolder } from './runs-folder.js';
import { pageFiles } from './training-page.js';
import { addTraining, TRAINING } from './training-routes.js';

/** A training page that is served. */
export interface RunningPage {
  /** `http://127.0.0.1:8090/training/`. */
  readonly url: string;
  readonly port: number;
  /** Answers who waits, and ends. */
  close(): Promise<void>;
}

/** Options of `watchRuns`. */
export interface WatchRunsOptions {
  /** The folder that holds the runs, one subfolder each, or one run's own folder. It may come into being later. */
  readonly runs: string;
  /** Where to listen; default 127.0.0.1, which this machine alone reaches. */
  readonly host?: string;
  /** Default 8090, or a free one where that is taken; 0 for a free one. */
  readonly port?: number;
  /** What callers have to show as `Authorization: Bearer …`; any host but this machine's needs one, of 16 characters or more. */
  readonly token?: string;
  /** Answer in a thread of its own, so that training is not held up and a step does not hold up the page. Default true. */
  readonly thread?: boolean;
  /** Takes errors of the server's own; default: standard error. */
  readonly onError?: (error: unknown) => void;
  /** The built script of the thread (`dist/watch-worker.js` of this package), where a bundler moved it. */
  readonly workerFile?: string | URL;
  /** The folder of the built page (`dist/training` of this package), where a bundler moved it. */
  readonly pageFolder?: string | URL;
}

const OPTIONS: OptionNames<WatchRunsOptions> = {
  runs: 'required',
  host: 'optional',
  port: 'optional',
  token: 'optional',
  thread: 'optional',
  onError: 'optional',
  workerFile: 'optional',
  pageFolder: 'optional',
};

export const WHERE = 'serve.watchRuns';
/** Where the page is looked for first. */
const PORT = 8090;

/** @throws ConfigError for options that cannot be */
export function checkWatchOptions(options: WatchRunsOptions): void {
  checkOptions(WHERE, options, OPTIONS);
  checkPath(WHERE, options.runs);
  const { host = '127.0.0.1', port = PORT, token } = options;
  checkListening(WHERE, host, port, token);
}

/** The server, in this thread. */
export async function serveRuns(options: WatchRunsOptions): Promise<RunningPage> {
  const { host = '127.0.0.1', port, token, onError = console.error } = options;
  const limits = checkLimits({ bytes: 2 ** 20 });
  const closing = new AbortController();
  const gate = new Gate(host, token, 'diptych-training');
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value);
  });
  app.use(async (context, next) => {
    gate.checkSite(context.req.raw.headers);
    await next();
  });
  addTraining(app, {
    runs: new RunsFolder(options.runs),
    gate,
    bodies: new BodyReader(limits),
    thumbnails: new Thumbnails(limits.thumbnailBytes, limits.pixels),
    page: pageFiles(options.pageFolder),
    closing: closing.signal,
  });
  app.get('/', () => new Response(null, { status: 302, headers: { location: TRAINING } }));
  app.notFound(({ req: { path } }) =>
    problemResponse(
      problemOf(
        new HttpError(404, { where: path.slice(0, 200), expected: `${TRAINING} and what is below it`, got: 'another' }),
      ),
    ),
  );
  app.onError((error) => {
    const problem = problemOf(error);
    if (problem.status === 500) onError(error);
    return problemResponse(problem);
  });
  const at = (asked: number) => listen(app.fetch, { where: WHERE, host, port: asked, limits });
  // a port that nobody asked for is not insisted on
  const listening = await at(port ?? PORT).catch((error) => {
    if (port === undefined && isDiptychError(error) && error instanceof ConfigError) return at(0);
    throw error;
  });
  return {
    url: `${listening.url}${TRAINING}`,
    port: listening.port,
    close() {
      closing.abort();
      return listening.close();
    },
  };
}
