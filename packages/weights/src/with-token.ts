import { ConfigError } from '@diptych/core';
import { publicName } from '@diptych/core/http';

/**
 * A `fetch` that says who asks, to the hub's own address and to no other (a page of results may name any). The token is sent
 * as it is: mirrors have tokens of other forms than the hub's `hf_…`.
 *
 * @throws ConfigError, when first used, for a token that no header can hold
 */
export function withToken(
  where: string,
  endpoint: string,
  token: string | undefined,
  base: typeof fetch,
): typeof fetch {
  if (!token) return base;
  const own = publicName(endpoint);
  return (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (publicName(url) !== own && !publicName(url).startsWith(`${own}/`)) return base(input, init);
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new ConfigError({
        where,
        expected: 'a token of printable ASCII characters',
        got: 'one with others, such as spaces or line breaks',
        remedy: 'check HF_TOKEN, the option `token`, or log in again',
      });
    }
    const headers = new Headers(input instanceof Request ? input.headers : undefined);
    for (const [name, value] of new Headers(init?.headers)) headers.set(name, value);
    headers.set('authorization', `Bearer ${token}`);
    return base(input, { ...init, headers });
  };
}
