import { run } from '@stricli/core';
import { app } from './app.js';

await run(app, process.argv.slice(2), { process });
// the library tells mistakes of usage by negative numbers
if (Number(process.exitCode) < 0) process.exitCode = 1;
