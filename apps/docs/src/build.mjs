// `npm run docs`: the API from the docstrings, the site, and a look at every link of it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../../../tooling/packages.mjs';
import { writeApi } from './api.mjs';
import { deadLinks } from './dead-links.mjs';

const site = join(root, 'apps/docs');
const begin = Date.now();
const seconds = () => `${((Date.now() - begin) / 1000).toFixed(0)} s`;

await writeApi();
console.log(`API: ${seconds()}`);
const { status } = spawnSync('npx', ['vitepress', 'build', '.'], { cwd: site, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
const dead = deadLinks(join(site, 'dist'));
for (const { page, href, reason } of dead) console.error(`${page}: ${href} ${reason}`);
console.log(`site: ${seconds()}, ${dead.length} dead links; npm run docs:preview shows apps/docs/dist`);
process.exitCode = dead.length > 0 ? 1 : 0;
