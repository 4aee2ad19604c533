import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { HttpError } from '../api/problem.js';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** Whether only programs of this machine reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Who may ask: programs of this machine, or who has the token. Pages of other sites may not, in no way that browsers have: neither by
 * their own requests (`Origin`, `Sec-Fetch-Site`), nor under a name that they let point here (DNS rebinding, `Host`).
 */
export class Gate {
  readonly #token: string | undefined;
  readonly #host: string;
  // a cookie is good for as long as the server runs, and does not give the token away
  readonly #session: string | undefined;
  readonly #cookie: string;

  /** @param cookie another name for each kind of server: browsers send cookies of one host to all of its ports */
  constructor(host: string, token: string | undefined, cookie = 'diptych-session') {
    this.#cookie = cookie;
    this.#host = host;
    this.#token = token;
    this.#session = token && createHmac('sha256', randomBytes(32)).update(token).digest('base64url');
  }

  /** @throws HttpError 403 for a page of another site */
  checkSite(headers: Headers): void {
    const host = headers.get('host') ?? '';
    const name = host.replace(/:\d+$/, '').toLowerCase();
    if (this.#token === undefined && !LOOPBACK.includes(name) && name !== this.#host.toLowerCase()) {
      throw new HttpError(403, {
        where: 'the header Host',
        expected: `${LOOPBACK.join(' or ')}`,
        got: host.slice(0, 200),
        remedy: 'ask by that name, or start the server with a token',
      });
    }
    const origin = headers.get('origin');
    const site = headers.get('sec-fetch-site');
    // behind a proxy that names itself in Host, the browser's own word counts: no page can set that header
    const foreign =
      origin !== null && origin !== `http://${host}` && origin !== `https://${host}` && site !== 'same-origin';
    // following a link to the page is fine
    const follows = headers.get('sec-fetch-mode') === 'navigate' && headers.get('sec-fetch-dest') === 'document';
    if (foreign || ((site === 'cross-site' || site === 'same-site') && !follows)) {
      throw new HttpError(403, {
        where: 'the header Origin',
        problem: 'pages of other sites may not ask',
        remedy: 'ask from a program, or through a proxy of the same site',
      });
    }
  }

  /** @throws HttpError 401 without the token */
  checkToken(headers: Headers): void {
    if (this.#token === undefined) return;
    const given = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1];
    if (given !== undefined && equal(given, this.#token)) return;
    const cookie = (headers.get('cookie') ?? '')
      .split(/; */)
      .find((part) => part.startsWith(`${this.#cookie}=`))
      ?.slice(this.#cookie.length + 1);
    if (cookie !== undefined && equal(cookie, this.#session!)) return;
    throw new HttpError(401, {
      where: 'the header Authorization',
      expected: 'Bearer and the token of this server',
      got: given === undefined ? 'none' : 'another',
    });
  }

  /**
   * A cookie for who has the token.
   *
   * @throws HttpError 401 for another token
   */
  sessionCookie(token: string): string {
    if (this.#token !== undefined && !equal(token, this.#token)) {
      throw new HttpError(401, { where: 'token', expected: 'the token of this server', got: 'another' });
    }
    return `${this.#cookie}=${this.#session ?? ''}; Path=/; HttpOnly; SameSite=Strict`;
  }
}

function equal(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
