import type { Kinds, OptionNames } from '@diptych/core';
import type { UrlSourceOptions } from '@diptych/weights';

/** Options of `load`; all but `parts` are of models on a web server. */
export interface LoadModelOptions extends Omit<UrlSourceOptions, 'files'> {
  /** Builders of parts of your own, by kind, for this call; `registerKinds` makes them known to all. */
  readonly parts?: Kinds;
}

export const LOAD_OPTIONS: OptionNames<LoadModelOptions> = {
  parts: 'optional',
  cache: 'optional',
  onProgress: 'optional',
  retry: 'optional',
  fetch: 'optional',
};
