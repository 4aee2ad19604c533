import { fileURLToPath } from 'node:url';

/** Runs a command of `diptych` in this process, with words of ours before the user's. Built into `dist/`, beside the packages. */
export async function runCommand(...words: (string | URL)[]): Promise<void> {
  process.argv.splice(2, 0, ...words.map((word) => (word instanceof URL ? fileURLToPath(word) : word)));
  await import(new URL('../../../packages/cli/bin/diptych.js', import.meta.url).href);
}
