import { HubError, isDiptychError } from '@diptych/core';
import { HttpFailure, publicName } from '@diptych/core/http';

/**
 * The error for a request to a hub that failed.
 *
 * @param where what it names, e.g. `org/name@main`
 */
export function hubError(where: string, url: string, failure: HttpFailure): HubError {
  return new HubError({ where, ...explain(publicName(url), failure) }, { cause: failure });
}

/** True for a hub that could not be reached or is out of order, as opposed to one that refused. */
export function isUnreachable(error: unknown): boolean {
  return isDiptychError(error) && error.cause instanceof HttpFailure && error.cause.isUnreachable;
}

function explain(url: string, { kind, message, status, headers, retryAfter }: HttpFailure): Explanation {
  if (kind === 'connection' || status === undefined) {
    return {
      problem: `${url} cannot be reached: ${message}`,
      remedy: 'check the network; what is in the cache can be used with HF_HUB_OFFLINE=1',
    };
  }
  const reason = headers?.get('x-error-code');
  const known = (reason && BY_ERROR_CODE[reason]) || BY_STATUS[status] || (status >= 500 ? BY_STATUS[500] : undefined);
  const wait = status === 429 ? retryAfter : undefined;
  return {
    problem: `${known?.problem ?? 'the hub refused'} (HTTP ${status} for ${url})`,
    remedy: wait === undefined ? known?.remedy : `${known?.remedy}; the hub asks to wait ${Math.ceil(wait / 1000)} s`,
  };
}

interface Explanation {
  readonly problem: string;
  readonly remedy?: string;
}

const BY_ERROR_CODE: Readonly<Record<string, Explanation>> = {
  RepoNotFound: {
    problem: 'there is no such model, or it is private',
    remedy: 'check the id; for a private model set HF_TOKEN or pass `token`',
  },
  RevisionNotFound: { problem: 'the model has no such revision', remedy: 'check the name after @' },
  EntryNotFound: { problem: 'the model has no such file' },
  GatedRepo: {
    problem: 'the model is gated',
    remedy: 'accept its terms on its page, then set HF_TOKEN or pass `token`',
  },
};

const BY_STATUS: Readonly<Record<number, Explanation>> = {
  401: {
    problem: 'the hub asks who you are: the model is private, gated, or does not exist',
    remedy: 'check the id; for a private model set HF_TOKEN or pass `token`',
  },
  403: {
    problem: 'access denied',
    remedy: 'accept the terms on the model page, and check that the token may read it',
  },
  404: { problem: 'not found', remedy: 'check id, revision and file name' },
  429: { problem: 'too many requests', remedy: 'wait, or set HF_TOKEN for a higher limit' },
  500: { problem: 'the hub has a fault', remedy: 'try again later' },
};
