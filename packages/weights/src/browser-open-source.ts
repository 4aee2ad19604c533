import { type BrowserHubOptions, browserHubSource } from './browser-hub-source.js';
import type { WeightSource } from './weight-source.js';

/** Options of {@link openSource}. */
export type OpenSourceOptions = BrowserHubOptions;

/**
 * Finds a model by its id on the hub. A source is given back as it is.
 *
 * @param model `org/name`, `org/name@revision`, or a source
 * @throws ConfigError if it is no such id
 */
export function openSource(model: string | WeightSource, options: OpenSourceOptions = {}): WeightSource {
  return typeof model === 'string' ? browserHubSource(model, options) : model;
}
