import { fileURLToPath } from 'node:url';
import { runCommand } from './commands.js';

process.exitCode = await runCommand(process.argv.slice(2), {
  script: fileURLToPath(import.meta.url),
  out: (line) => console.log(line),
  err: (line) => console.error(line),
  ...(process.stderr.isTTY && { progress: (line) => process.stderr.write(`\r\x1b[K${line}`) }),
});
