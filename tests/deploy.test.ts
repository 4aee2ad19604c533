// The files of deploy/: what the page about them shows, and what the programs that read them say of them, where these are installed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { validate } from 'dockerfile-utils';
import { afterAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const page = read('docs/deployment.md');
const folder = mkdtempSync(join(tmpdir(), 'diptych-deploy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whether a program is here, by a flag that it ends on. */
const has = (program: string, flag: string): boolean => spawnSync(program, [flag]).status === 0;

describe('docs/deployment.md', () => {
  it.each([
    ['Dockerfile', 'dockerfile'],
    ['diptych.service', 'ini'],
    ['nginx.conf', 'nginx'],
  ])('shows deploy/%s as it is', (file, language) => {
    const [, shown] = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page) ?? [];
    expect(shown).toBe(read(`deploy/${file}`));
  });
});

describe('deploy/Dockerfile', () => {
  const dockerfile = read('deploy/Dockerfile');

  it('has no mistake that a linter knows', () => {
    expect(validate(dockerfile).map(({ message, range }) => `line ${range.start.line + 1}: ${message}`)).toEqual([]);
  });

  it('is no root, names its base by version, and serves where the health check looks', () => {
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
    expect(dockerfile).toMatch(/^FROM node:\d+\.\d+-\S+$/m);
    const [, port] = /^EXPOSE (\d+)$/m.exec(dockerfile)!;
    expect(dockerfile).toContain(`127.0.0.1:${port}/healthz`);
    expect(dockerfile).toContain(`"--port", "${port}"`);
  });
});

describe('deploy/diptych.service', () => {
  it.skipIf(!has('systemd-analyze', '--version'))('is a unit that systemd accepts', () => {
    const unit = join(folder, 'diptych.service');
    writeFileSync(unit, read('deploy/diptych.service').replace('/usr/bin/node', process.execPath));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    // of the machine's own units it may say things as well
    const own = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('diptych'));
    expect([status, own]).toEqual([0, []]);
  });
});

describe.skipIf(!has('nginx', '-v') || !has('openssl', 'version'))('deploy/nginx.conf', () => {
  it('hands on what the server needs to know of a request', async () => {
    const seen: string[] = [];
    const upstream = createServer((asked, answer) => {
      seen.push(`${asked.headers.host} ${asked.headers.origin} ${asked.url}`);
      answer.end('here');
    });
    const port = await listening(upstream);
    const outside = createServer();
    const tls = await listening(outside);
    await new Promise((closed) => outside.close(closed));
    const key = join(folder, 'key.pem');
    const certificate = join(folder, 'certificate.pem');
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate];
    spawnSync('openssl', [...made, '-days', '1', '-subj', '/CN=pictures.example.org']);
    const site = read('deploy/nginx.conf')
      .replace('listen 80;', `listen unix:${join(folder, 'plain.sock')};`)
      .replace('listen 443', `listen 127.0.0.1:${tls}`)
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
      .replace(/ssl_certificate .*;/, `ssl_certificate ${certificate};`)
      .replace(/ssl_certificate_key .*;/, `ssl_certificate_key ${key};`);
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    const http = `http { access_log off; ${paths.join(' ')}\n${site}\n}`;
    writeFileSync(join(folder, 'nginx.conf'), `pid ${folder}/pid; daemon off; error_log stderr;\nevents {}\n${http}\n`);
    const nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { stdio: 'ignore' });
    try {
      expect(await ask(tls)).toBe('here');
      expect(seen).toEqual([`pictures.example.org:${tls} https://pictures.example.org:${tls} /search`]);
    } finally {
      nginx.kill();
      upstream.close();
    }
  });
});

function listening(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port)));
}

/** What the site answers, asked by its name; again while nginx is starting. */
async function ask(port: number): Promise<string> {
  const name = `pictures.example.org:${port}`;
  for (;;) {
    const answer = await new Promise<string | undefined>((done) => {
      const options = { port, host: '127.0.0.1', path: '/search', headers: { host: name, origin: `https://${name}` } };
      request({ ...options, rejectUnauthorized: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => done(text));
      })
        .on('error', () => done(undefined))
        .end();
    });
    if (answer !== undefined) return answer;
    await new Promise((later) => setTimeout(later, 50));
  }
}
