import { ConfigError, checkText } from '@diptych/core';

/** A model on the hub, at a branch, tag or commit. */
export interface HubId {
  /** `org/name`, or a bare name as of the hub's first models. */
  readonly repo: string;
  readonly revision: string;
}

/** A part of a repository's name: as the hub allows it. */
const NAME = /^(?!.*(--|\.\.))[\w](?:[\w.-]{0,94}[\w])?$/;

/**
 * Reads `org/name` or `org/name@revision`.
 *
 * @param revision used where the id has none; default `main`
 * @throws ConfigError if it is no such id
 */
export function parseHubId(id: string, revision = 'main'): HubId {
  checkText('weights.hub', 'the id of a model', id);
  checkText('weights.hub', 'revision', revision);
  const [repo = '', ...rest] = id.split('@');
  const found = rest.length === 0 ? revision : rest.join('@');
  const parts = repo.split('/');
  const goodRevision = /^[\w][\w./-]*$/.test(found) && !found.split('/').some((part) => /^\.*$/.test(part));
  if (parts.length <= 2 && parts.every((part) => NAME.test(part)) && goodRevision) return { repo, revision: found };
  throw new ConfigError({
    where: 'weights.hub',
    expected: 'a hub id such as "timm/resnet50.tv_in1k" or "org/name@revision"',
    got: JSON.stringify(id),
    remedy: 'a folder on disk needs a path that exists, e.g. "./models/mine"',
  });
}

/** True for the full hash of a commit, which never changes what it points at. */
export function isCommitHash(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
