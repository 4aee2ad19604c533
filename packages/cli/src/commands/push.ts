import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { about, optional, toggle } from './flags.js';
import type { PushFlags } from './push-run.js';

/** Flags of `push`. */
export const pushCommand = buildCommand<PushFlags, [folder: string, model: string]>({
  loader: async () => (await import('./push-run.js')).push,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'what `diptych export hf` wrote, or any folder', parse: userPath, placeholder: 'folder' },
        { brief: 'org/name', parse: String, placeholder: 'model' },
      ],
    },
    flags: {
      public: toggle('visible to everybody, where the repository is made now'),
      revision: optional(String, 'branch, made where it is not there (default main)', 'branch'),
      message: optional(String, 'of the commit', 'text'),
      endpoint: optional(String, 'another hub than HF_ENDPOINT or huggingface.co', 'url'),
      json: toggle('print what was pushed as JSON'),
    },
  },
  docs: about('Upload a folder to the Hugging Face hub, into a private repository unless --public', {
    'for-the-hub me/my-model': 'with the token of HF_TOKEN or `hf auth login`',
    'for-the-hub me/my-model --revision v2 --message "more pictures"': 'onto a branch',
  }),
});
