/** How a person calls this program where they are: through npm's scripts of a repository, or by its name. */
function called(script: string, command: string, ...flags: string[]): string {
  const { npm_lifecycle_event: event, npm_lifecycle_script: line = '' } = process.env;
  // npm sets these for a script that calls this program, and also for whatever else starts it
  if ((event !== 'start' && event !== 'search') || !line.includes('cli/bin/diptych.js')) {
    return ['diptych', command, ...flags].join(' ');
  }
  return flags.length === 0 ? script : `${script} -- ${flags.join(' ')}`;
}

/** `diptych train`, or `npm start` under it. */
export function trainCommand(...flags: string[]): string {
  return called('npm start', 'train', ...flags);
}

/** `diptych search`, ready for what is to be looked for. */
export function searchCommand(): string {
  const command = called('npm run search', 'search');
  return command.startsWith('npm') ? `${command} --` : command;
}

/** What goes on with this start of `diptych train`, typed anew. */
export function thisCommand(): string {
  const words = process.argv.slice(2).filter((word) => word !== '--fresh');
  const safe = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  return ['diptych', ...words].map(safe).join(' ');
}
