import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { checkMethods, checkOptions, type OptionNames, WeightsError } from '@diptych/core';
import type { WeightSource } from '../weight-source.js';
import { folderSource } from './folder-source.js';
import type { NodeHubOptions } from './hub-environment.js';
import { hubSource } from './hub-source.js';

/** Options of {@link openSource}. */
export type OpenSourceOptions = NodeHubOptions;

const HUB: OptionNames<OpenSourceOptions> = {
  revision: 'optional',
  token: 'optional',
  endpoint: 'optional',
  onProgress: 'optional',
  retry: 'optional',
  fetch: 'optional',
  cacheDir: 'optional',
  offline: 'optional',
};

/**
 * Finds a model by what people write: a folder that exists, else an id on the hub. A source is given back as it is.
 *
 * @param model `./models/mine`, `org/name`, `org/name@revision`, or a source
 * @throws WeightsError if a path does not exist, ConfigError if it is no id either
 */
export function openSource(model: string | WeightSource, options: OpenSourceOptions = {}): WeightSource {
  checkOptions('weights.openSource', options, HUB);
  if (typeof model !== 'string') {
    checkMethods('weights.openSource', model, ['list', 'read'], "a folder, an id of the hub ('org/name'), or a source");
    return model;
  }
  const path = model.startsWith('~/') ? join(homedir(), model.slice(2)) : model;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return folderSource(path);
  if (/^(\.{0,2}[/\\]|[a-zA-Z]:[/\\]|~\/)/.test(model)) {
    throw new WeightsError({ where: model, expected: 'a folder with a model', got: 'nothing of that name' });
  }
  return hubSource(model, options);
}
