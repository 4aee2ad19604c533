import { PROPOSE } from './proposals.js';

/** Shells that can be told how to complete. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What each shell has to run; all of them ask the program itself, and propose files where that knows nothing. */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# eval "$(diptych completion bash)" in ~/.bashrc
_diptych() {
  local IFS=$'\\n'
  COMPREPLY=($(diptych ${PROPOSE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _diptych diptych
`,
  zsh: `# eval "$(diptych completion zsh)" in ~/.zshrc, after compinit
_diptych() {
  local -a proposals
  proposals=("\${(@f)$(diptych ${PROPOSE} "\${(@)words[2,CURRENT]}" 2>/dev/null | cut -f1)}")
  if [[ -n "$proposals[1]" ]]; then compadd -- $proposals; else _files; fi
}
compdef _diptych diptych
`,
  fish: `# diptych completion fish > ~/.config/fish/completions/diptych.fish
function __diptych_proposals
    set -l words (commandline -opc)
    diptych ${PROPOSE} $words[2..-1] "$(commandline -ct)" 2>/dev/null
end
complete -c diptych -a '(__diptych_proposals)'
`,
};
