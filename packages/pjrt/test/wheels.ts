// Wheels and an index of them, for tests of the installation.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';

/** A zip archive of stored files (PKWARE's APPNOTE 4.3); `mode` is the Unix one. */
export function zip(files: Readonly<Record<string, { readonly text: string; readonly mode?: number }>>): Buffer {
  const [bodies, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, { text, mode = 0o644 }] of Object.entries(files)) {
    const [nameBytes, data] = [Buffer.from(name), Buffer.from(text)];
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt32LE(crc32(data), 10);
    facts.writeUInt32LE(data.length, 14);
    facts.writeUInt32LE(data.length, 18);
    facts.writeUInt16LE(nameBytes.length, 22);
    bodies.push(Buffer.from('PK\x03\x04'), facts, nameBytes, data);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), facts, rest, nameBytes);
    offset += 30 + nameBytes.length + data.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  const count = Object.keys(files).length;
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, listed, end]);
}

/** A wheel on the index. */
export interface ServedWheel {
  readonly filename: string;
  readonly content: Buffer;
  readonly yanked?: string;
  /** What the index says of it, where that is wrong. */
  readonly sha256?: string;
}

/** An index over HTTP. */
export interface WheelServer {
  readonly index: string;
  /** Paths that were asked for, with their ranges. */
  readonly asked: string[];
  /** Bytes after which the next answers break off, one number an answer. */
  readonly cuts: number[];
  stop(): Promise<void>;
}

/** Serves distributions as PyPI does, with ranges; `html` as PEP 503 has it. */
export async function serveWheels(
  distributions: Readonly<Record<string, readonly ServedWheel[]>>,
  { html = false } = {},
): Promise<WheelServer> {
  const asked: string[] = [];
  const cuts: number[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.range ?? ''}`.trim());
    const [, kind, name] = request.url!.split('/');
    const wheels = distributions[name!];
    if (kind === 'simple' && wheels) sendPage(response, wheels, html);
    else {
      const wheel = Object.values(distributions)
        .flat()
        .find(({ filename }) => kind === 'files' && filename === name);
      if (wheel) sendFile(request, response, wheel.content, cuts.shift());
      else response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`;
  const stop = () => new Promise<void>((done) => server.close(() => done()));
  return { index, asked, cuts, stop };
}

function sendPage(response: ServerResponse, wheels: readonly ServedWheel[], html: boolean): void {
  const hashOf = ({ sha256, content }: ServedWheel) => sha256 ?? createHash('sha256').update(content).digest('hex');
  if (html) {
    const links = wheels.map((wheel) => {
      const yanked = wheel.yanked === undefined ? '' : ` data-yanked="${wheel.yanked}"`;
      return `<a href="../../files/${wheel.filename}#sha256=${hashOf(wheel)}"${yanked}>${wheel.filename}</a><br>`;
    });
    response.setHeader('content-type', 'text/html').end(`<html><body>${links.join('\n')}</body></html>`);
    return;
  }
  const files = wheels.map((wheel) => ({
    filename: wheel.filename,
    url: `../../files/${wheel.filename}`,
    hashes: { sha256: hashOf(wheel) },
    size: wheel.content.length,
    yanked: wheel.yanked ?? false,
  }));
  response.setHeader('content-type', 'application/vnd.pypi.simple.v1+json').end(JSON.stringify({ files }));
}

function sendFile(request: IncomingMessage, response: ServerResponse, content: Buffer, cut: number | undefined): void {
  const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const headers = {
    'content-length': content.length - start,
    'content-range': `bytes ${start}-${content.length - 1}/${content.length}`,
  };
  response.writeHead(request.headers.range ? 206 : 200, headers);
  if (cut === undefined) response.end(content.subarray(start));
  else response.write(content.subarray(start, start + cut), () => response.destroy());
}
