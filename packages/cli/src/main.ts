import { run } from '@stricli/core';
import { app } from './app.js';
import { PROPOSE, proposals } from './completion/proposals.js';

const [first, ...words] = process.argv.slice(2);
if (first === PROPOSE) console.log((await proposals(app, words)).join('\n'));
else await run(app, process.argv.slice(2), { process });
// the library tells mistakes of usage by negative numbers
if (Number(process.exitCode) < 0) process.exitCode = 1;
