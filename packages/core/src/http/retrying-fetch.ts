import { Connection } from './connection.js';
import { HttpFailure } from './http-failure.js';
import { type HttpOptions, retryDefaults } from './http-options.js';
import { Patience } from './patience.js';

/**
 * A `fetch` that asks again after failures that pass, waits as long as the server asks (`Retry-After`), and gives up on
 * servers that stay silent. Its response is always a success; its body is read without a watch.
 *
 * @param failed makes the error to throw out of a failure
 */
export function retryingFetch(
  options: HttpOptions,
  failed: (failure: HttpFailure, url: string) => Error,
): typeof fetch {
  const { stallTimeout } = retryDefaults(options);
  return async (input, init) => {
    const patience = new Patience(options);
    for (;;) {
      const connection = new Connection(options, stallTimeout);
      try {
        const response = await connection.ask(input, init);
        if (response.ok) return response;
        throw new HttpFailure('status', `the server answered ${response.status}`, { status: response.status });
      } catch (failure) {
        connection.close();
        if (!(failure instanceof HttpFailure)) throw failure;
        const url = input instanceof Request ? input.url : String(input);
        await patience.waitAfter(failure, options.signal).catch((error: unknown) => {
          throw error === failure ? failed(failure, url) : error;
        });
      }
    }
  };
}
