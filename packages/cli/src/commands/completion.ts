import { buildChoiceParser, buildCommand } from '@stricli/core';
import { SHELLS, type Shell } from '../completion/scripts.js';
import { about } from './flags.js';

/** `completion`: prints what a shell has to run. */
export const completionCommand = buildCommand<Record<never, never>, [shell: Shell]>({
  loader: async () => {
    const { SCRIPTS } = await import('../completion/scripts.js');
    return (_: object, shell: Shell) => console.log(SCRIPTS[shell].trimEnd());
  },
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: SHELLS.join(', '),
          parse: buildChoiceParser(SHELLS),
          proposeCompletions: () => SHELLS,
          placeholder: 'shell',
        },
      ],
    },
    flags: {},
  },
  docs: about('Print what lets a shell complete commands and flags', {
    bash: 'in ~/.bashrc: eval "$(diptych completion bash)"',
    zsh: 'in ~/.zshrc, after compinit: eval "$(diptych completion zsh)"',
    fish: 'once: diptych completion fish > ~/.config/fish/completions/diptych.fish',
  }),
});
