// Prints "passed failed" of one CI stage: what its log says last, and at least one failure if the stage exited non-zero.
import { readFileSync } from 'node:fs';

const [, , path, status] = process.argv;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes are control characters
const log = readFileSync(path, 'utf8').replaceAll(/\u001b\[[0-9;]*m/g, '');
const plain = [...log.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1);
const vitest = [...log.matchAll(/^\s*Tests\s+(.*)$/gm)].at(-1)?.[1] ?? '';
const inVitest = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(vitest)?.[1] ?? 0);

let passed = plain ? Number(plain[1]) : inVitest('passed');
let failed = plain ? Number(plain[2]) : inVitest('failed');
if (status === '0') passed = Math.max(passed, 1);
else failed = Math.max(failed, 1);
console.log(`${passed} ${failed}`);
