/** True for `http:` and `https:` addresses. */
export function isRemote(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/**
 * A file's name as it may be kept and shown: of an address, without user, query and fragment, where signatures and tokens
 * stand; of a path, the path.
 */
export function publicName(file: string): string {
  if (!isRemote(file)) return file;
  return file.replace(/[?#].*$/s, '').replace(/^(https?:\/\/)[^/]*@/i, '$1');
}

/** Text that an HTTP library made, without the users and queries of the addresses in it. */
export function withoutQueries(text: string): string {
  return text.replace(/(https?:\/\/[^\s"'<>?#]*)[?#][^\s"'<>]*/gi, '$1').replace(/(https?:\/\/)[^\s/@"'<>]*@/gi, '$1');
}

/**
 * `https://user:password@host/…` as what fetch takes, which refuses such addresses: one without them, and the header that
 * they stand for (Basic, RFC 7617).
 */
export function splitCredentials(address: string): { url: string; authorization?: string } {
  if (!/^https?:\/\/[^/?#]*@/i.test(address) || !URL.canParse(address)) return { url: address };
  const url = new URL(address);
  const [user, password] = [url.username, url.password].map(unescaped);
  url.username = '';
  url.password = '';
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return { url: url.href, authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

/** A percent sign that escapes nothing is one. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
