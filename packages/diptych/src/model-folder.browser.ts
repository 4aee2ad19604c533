import { ConfigError, checkOptions } from '@diptych/core';
import type { JointModel } from './joint-model.js';
import { LOAD_OPTIONS, type LoadModelOptions } from './load-options.js';
import { loadUrl } from './load-url.js';

/**
 * Opens a model folder on a web server, in a browser: what `save` wrote in Node.
 *
 * @param address of the folder; it may count from the page
 * @throws WeightsError, HubError if a file is missing, another one, or cannot be fetched
 * @throws CheckpointError if there is no model, or one that does not list its files
 * @throws ConfigError if it holds parts of kinds that nobody here knows, naming all of them
 */
export async function load(address: string | URL, options: LoadModelOptions = {}): Promise<JointModel> {
  if (!(address instanceof URL) && (typeof address !== 'string' || address === '')) {
    throw new ConfigError({
      where: 'diptych.load',
      expected: 'the address of a model folder',
      got: address === null ? 'null' : typeof address,
      remedy: "load('models/first/')",
    });
  }
  checkOptions('diptych.load', options, LOAD_OPTIONS);
  return loadUrl(address, options);
}
