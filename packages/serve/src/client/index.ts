import { ConfigError, checkOptions, type OptionNames } from '@diptych/core';
import { type Client, type ClientOptions, connect } from './connect.js';

export {
  type AttentionRequest,
  type Client,
  type ClientOptions,
  type EmbedRequest,
  type InputOf,
  type MatchRequest,
  type OperationName,
  type Problem,
  type ResultOf,
  type SearchRequest,
  type SentPicture,
  ServeError,
} from './connect.js';

const OPTIONS: OptionNames<ClientOptions> = { token: 'optional', fetch: 'optional' };
const WHERE = 'serve.createClient';

/**
 * A client of a server of this package, for Node and browsers.
 *
 * ```ts ignore
 * const { hits } = await createClient('http://127.0.0.1:8080').search({ text: 'a cat asleep', k: 10 });
 * ```
 *
 * @param address without a path; '' for the server of the page that it is used in
 * @throws ConfigError for what is no address
 */
export function createClient(address: string, options: ClientOptions = {}): Client {
  if (typeof address !== 'string' || (address !== '' && !/^https?:\/\/[^/]/.test(address))) {
    const remedy = "createClient('http://127.0.0.1:8080')";
    throw new ConfigError({ where: WHERE, expected: "a server's address", got: String(address), remedy });
  }
  checkOptions(WHERE, options, OPTIONS);
  return connect(address, options);
}
