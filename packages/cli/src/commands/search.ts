import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { about, optional, runFlags, toggle } from './flags.js';
import { wholeNumber } from './parse.js';
import type { SearchFlags } from './search-run.js';

/** Flags of `search`. */
export const searchCommand = buildCommand<SearchFlags, string[]>({
  loader: async () => (await import('./search-run.js')).search,
  parameters: {
    positional: {
      kind: 'array',
      parameter: { brief: 'what to look for, in words', parse: String, placeholder: 'query' },
    },
    flags: {
      image: optional(userPath, 'search by this picture instead', 'path'),
      top: { kind: 'parsed', parse: wholeNumber, brief: 'how many results', placeholder: 'number', default: '8' },
      rerank: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 're-rank this many best results with the fused matcher',
        placeholder: 'number',
        default: '0',
      },
      html: {
        kind: 'parsed',
        parse: String,
        brief: 'write the results as a page (default search.html)',
        placeholder: 'file',
        inferEmpty: true,
        optional: true,
      },
      json: toggle('print the results as JSON'),
      runs: runFlags.runs,
      run: optional(String, 'the run to search; default: the newest finished one', 'name'),
    },
  },
  docs: about('Search the pictures of a finished run by words or by a picture', {
    '"a red heart"': 'pictures for words',
    '"a red heart" --rerank 50': 'the same, looked at again by the fused matcher',
    '--image some/picture.png --html': 'pictures like a picture, as a page',
  }),
});
