import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { askRun, RUN_FILES, replaceJson } from '@diptych/core/node';
import type { Hono } from 'hono';
import type * as v from 'valibot';
import { HttpError } from '../api/problem.js';
import { type BodyReader, checked } from '../api/read-body.js';
import type { Gate } from '../guard/check-caller.js';
import type { Thumbnails } from '../pictures/thumbnails.js';
import type { PageFiles } from '../routes/page.js';
import { examplePicture } from './example-picture.js';
import { freezeRuns } from './freeze-runs.js';
import { poll } from './poll.js';
import type { RunsFolder } from './runs-folder.js';
import { PictureQuery, PollBody, RunBody, SessionBody, TitleBody } from './schemas.js';

/** What the training page is served with. */
export interface TrainingParts {
  readonly runs: RunsFolder;
  readonly gate: Gate;
  readonly bodies: BodyReader;
  readonly thumbnails: Thumbnails;
  /** The built page. */
  readonly page: PageFiles;
  /** Aborted when the server closes: who waits is answered. */
  readonly closing: AbortSignal;
}

/** Where the page lies. */
export const TRAINING = '/training/';
const API = `${TRAINING}api/`;
/** Polls that are answered at once, those that wait included. */
const POLLS = 64;

/** Adds the training page and what it asks for to a server. */
export function addTraining(app: Hono, { runs, gate, bodies, thumbnails, page, closing }: TrainingParts): void {
  // pages of this server know it; forms and pictures of other sites cannot send it
  const key = randomBytes(16).toString('base64url');
  let polls = 0;

  const post = <Schema extends v.GenericSchema>(
    name: string,
    schema: Schema,
    work: (body: v.InferOutput<Schema>, request: Request) => Promise<object>,
    open = false,
  ) => {
    const path = API + name;
    app.post(path, async ({ req: { raw } }) => {
      if (!open) gate.checkToken(raw.headers);
      const operation = { method: 'post', path, summary: '', body: schema, result: 'application/json' } as const;
      const answer = await bodies.with(raw, operation, (body) => work(body as v.InferOutput<Schema>, raw));
      return answer instanceof Response ? answer : Response.json(answer, { headers: NO_STORE });
    });
  };
  const folderOf = async (run: string): Promise<string> => {
    await runs.refresh();
    const path = runs.pathOf(run);
    if (path !== undefined) return path;
    throw new HttpError(404, { where: run.slice(0, 200), expected: 'a run of this folder', got: 'none of that name' });
  };
  const checkKey = ({ headers }: Request) => {
    if (headers.get('x-diptych-page') === key) return;
    throw new HttpError(403, {
      where: 'the header X-Diptych-Page',
      expected: 'the key that /training/api/poll gives',
      got: headers.has('x-diptych-page') ? 'another, of a server before this one' : 'none',
      remedy: 'load the page anew',
    });
  };

  post('poll', PollBody, async (body, request) => {
    if (polls >= POLLS) throw new HttpError(429, { where: `${API}poll`, problem: `${POLLS} pages are waiting` });
    polls++;
    try {
      return await poll(runs, body, key, AbortSignal.any([request.signal, closing]));
    } finally {
      polls--;
    }
  });
  for (const ask of ['stop', 'resume'] as const) {
    post(ask, RunBody, async ({ run }, request) => {
      checkKey(request);
      const folder = await folderOf(run);
      const state = runs.get(run)?.state;
      if (state !== (ask === 'stop' ? 'running' : 'waiting')) {
        throw new HttpError(400, {
          where: run,
          expected: ask === 'stop' ? 'a run that trains' : 'a run whose process waits',
          got: `one that is ${state}`,
          ...(ask === 'resume' && { remedy: runs.get(run)?.command ?? 'start it again as it was started' }),
        });
      }
      askRun(folder, ask);
      return { asked: ask };
    });
  }
  post('title', TitleBody, async ({ run, title }, request) => {
    checkKey(request);
    replaceJson(join(await folderOf(run), RUN_FILES.title), { name: title.trim() });
    runs.touch(run);
    return { title: title.trim() };
  });
  post(
    'session',
    SessionBody,
    async ({ token }) => new Response('', { headers: { 'set-cookie': gate.sessionCookie(token), ...NO_STORE } }),
    true,
  );
  app.get(`${API}picture`, async ({ req: { raw } }) => {
    gate.checkToken(raw.headers);
    const query = checked(PictureQuery, Object.fromEntries(new URL(raw.url).searchParams), `${API}picture`);
    await runs.refresh();
    const bytes = await examplePicture(runs, query.run, Number(query.row), thumbnails, raw.signal);
    return new Response(new Uint8Array(bytes), {
      headers: { 'content-type': 'image/webp', 'cache-control': 'private, max-age=60' },
    });
  });
  app.get(`${API}report`, async ({ req: { raw } }) => {
    gate.checkToken(raw.headers);
    const run = new URL(raw.url).searchParams.get('run') ?? '';
    await folderOf(run);
    const html = await freezeRuns(runs, [run], { page, thumbnails });
    const name = encodeURIComponent(`${run}.html`);
    return new Response(html, {
      headers: {
        ...NO_STORE,
        'content-type': 'text/html; charset=utf-8',
        'content-disposition': `attachment; filename*=UTF-8''${name}`,
      },
    });
  });
  app.get(`${TRAINING}*`, ({ req }) => {
    const file = page.get(`/${req.path.slice(TRAINING.length)}`);
    if (!file) throw new HttpError(404, { where: req.path.slice(0, 200), expected: 'a known address', got: 'another' });
    return new Response(file.bytes, { headers: file.headers });
  });
  app.get(TRAINING.slice(0, -1), () => new Response(null, { status: 302, headers: { location: TRAINING } }));
}

const NO_STORE = { 'cache-control': 'no-store' };
