#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  // a clone of the repository; what npm installs is built
  console.error('diptych: not built yet. In the repository: npx turbo run build --filter=@diptych/cli...');
  process.exitCode = 1;
}
