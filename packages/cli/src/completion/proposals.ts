import { type Application, type CommandContext, proposeCompletions } from '@stricli/core';

/** The word after the program's name by which a shell asks for proposals; no command. */
export const PROPOSE = '__complete';

/** Flags that are not for people, which the library proposes as well. */
const HIDDEN = new Set(['--try-engine']);

/**
 * What may stand in place of the last word: a proposal a line, with what it means after a tab. Nothing where the shell shall propose
 * files.
 *
 * @param words after the program's name, the last one as far as it is written
 */
export async function proposals(app: Application<CommandContext>, words: readonly string[]): Promise<string[]> {
  const found = await proposeCompletions(app, words, { process });
  return (
    found
      // each flag is proposed as it is shown in the help, not also in camel case
      .filter(
        ({ kind, completion }) => kind !== 'argument:flag' || !(/[A-Z]/.test(completion) || HIDDEN.has(completion)),
      )
      .map(({ completion, brief }) => `${completion}\t${brief}`)
  );
}
