import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createClient } from '@diptych/serve/client';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { writePictures, writeSmallModel } from '../../../serve/test/small-model.js';

const PROGRAM = resolve(import.meta.dirname, '../../bin/diptych.js');
const TOKEN = 'a-token-of-this-test';
const SECONDS = 120_000;
let folder: string;
const running = new Set<ChildProcess>();
const path = (...names: string[]) => join(folder, ...names);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-serve-process-'));
  (await writeSmallModel(path('runs/001'))).dispose();
  writeFileSync(path('runs/001/metrics.json'), '{}'); // a finished run
  await writePictures(path('pictures'), 12);
});
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `diptych serve` in a process, with what it has said so far, and how it ended. */
function serve(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { DIPTYCH_TOKEN: _, INIT_CWD: __, ...own } = process.env; // npm says by the second where paths count from
  const child = spawn(process.execPath, [PROGRAM, 'serve', ...args], { cwd: folder, env: { ...own, ...env } });
  running.add(child);
  const said = { out: '', error: '' };
  child.stdout.on('data', (piece) => {
    said.out += piece;
  });
  child.stderr.on('data', (piece) => {
    said.error += piece;
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return { code, signal, ...said };
  });
  const listening = async () => {
    await expect.poll(() => said.out + (child.exitCode ?? ''), { timeout: 60_000 }).toMatch(/\n|\d/);
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${said.error}`);
    return (JSON.parse(said.out) as { url: string }).url;
  };
  return { child, said, ended, listening };
}

/** A request whose body comes in two parts, the second when it is told. */
async function slowly(url: string) {
  const body = JSON.stringify({ texts: ['red round'] });
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const head = `POST /embed HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  socket.write(head + body.slice(0, 5));
  let answer = '';
  socket.on('data', (piece) => {
    answer += piece;
  });
  const closed = once(socket, 'close');
  return async () => {
    socket.write(body.slice(5));
    await closed;
    return answer;
  };
}

it('indexes and serves, and answers what is under way when it is told to end', { timeout: SECONDS }, async () => {
  const server = serve(['own.index', '--add', 'pictures', '--port', '0', '--json']);
  const url = await server.listening();
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const client = createClient(url);
  await expect.poll(async () => (await client.info()).indexing?.state, { timeout: 60_000 }).toBe('done');
  expect((await client.search({ text: 'red' })).hits).toHaveLength(12);
  expect((await fetch(url)).headers.get('content-type')).toContain('text/html');
  const finish = await slowly(url);
  expect((await client.health()).status).toBe('ok'); // what was sent before this is read
  server.child.kill('SIGTERM');
  await expect.poll(() => server.said.error, { timeout: 30_000 }).toContain('answering what is under way');
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  expect(await finish()).toMatch(/^HTTP\/1\.1 200 /);
  expect(await server.ended).toMatchObject({ code: 0, signal: null });
  // the index is left whole, and free
  const again = serve(['own.index', '--port', '0', '--json']);
  expect((await createClient(await again.listening()).info()).rows).toBe(12);
  again.child.kill('SIGINT');
  expect(await again.ended).toMatchObject({ code: 0 });
});

it('needs a token where other machines reach it, and asks for it', { timeout: SECONDS }, async () => {
  const refused = await serve(['--host', '0.0.0.0', '--port', '0']).ended;
  expect(refused.code).toBe(1);
  expect(refused.error).toMatch(/a token, as 0\.0\.0\.0 is reached by other machines, got none; .*DIPTYCH_TOKEN/);
  const short = await serve(['--port', '0'], { DIPTYCH_TOKEN: 'short' }).ended;
  expect(short.error).toMatch(/token of 16 or more/);
  expect(short.error).not.toContain('short,'); // it is not repeated
  const server = serve(['--host', '0.0.0.0', '--port', '0', '--json'], { DIPTYCH_TOKEN: TOKEN });
  const url = (await server.listening()).replace('0.0.0.0', '127.0.0.1');
  await expect(createClient(url).info()).rejects.toMatchObject({ status: 401 });
  expect((await createClient(url, { token: TOKEN }).info()).embedDim).toBe(8);
  server.child.kill('SIGTERM');
  expect((await server.ended).code).toBe(0);
});

it('says what is wrong, in one message and without a trace', { timeout: SECONDS }, async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const made = serve(['damaged.index', '--add', 'pictures', '--port', '0', '--json']);
  const client = createClient(await made.listening());
  await expect.poll(async () => (await client.info()).indexing?.state, { timeout: 60_000 }).toBe('done');
  made.child.kill('SIGTERM');
  await made.ended;
  const [segment] = readdirSync(path('damaged.index')).filter((name) => name.endsWith('.dip'));
  truncateSync(path('damaged.index', segment!), 100);
  for (const [args, message] of [
    [['--port', String(port)], new RegExp(`port ${port} is taken; choose another port`)],
    [['none.index', '--port', '0'], /index none\.index.*expected an index, got none there/],
    [['damaged.index', '--port', '0'], /segment-\d+\.dip/],
    [['--model', 'pictures', '--port', '0'], /pictures.*a model folder/],
    [['--add', 'nowhere', '--port', '0'], /expected a table of pairs, or a folder of pictures, got no file .*nowhere/],
    [['--port', '99999'], /port as a whole number from 0 to 65535, got 99999/],
  ] as const) {
    const { code, error } = await serve(args).ended;
    expect(code, args.join(' ')).toBe(1);
    expect(error, args.join(' ')).toMatch(message);
    expect(error, args.join(' ')).not.toMatch(/\n\s+at /);
  }
  other.close();
});
