import { spawn } from 'node:child_process';

/** Options of {@link askProcess}. */
export interface AskProcessOptions {
  /** What it is for, should it end without an answer: `loading it`. */
  readonly doing: string;
  /** After these it is ended. */
  readonly seconds: number;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * What a Node process printed as JSON in its last line, or why there is none: for work that may end a process, such as loading native
 * libraries. What these write to standard error is passed over, as it is in their messages.
 *
 * @param args the script, and its arguments
 */
export function askProcess<Answer>(
  args: readonly string[],
  { doing, seconds, env }: AskProcessOptions,
): Promise<Answer | { readonly error: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { env, timeout: seconds * 1000, stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    child.stdout.on('data', (piece) => {
      said += piece;
    });
    child.on('error', (error) => resolve({ error: error.message }));
    child.on('close', (status, signal) => {
      try {
        resolve(JSON.parse(said.trim().split('\n').at(-1)!) as Answer);
      } catch {
        resolve({ error: `${doing} ended the process (${signal ?? `status ${status}`})` });
      }
    });
  });
}
