// npm run release [-- --dry-run]: builds, versions and publishes, step by step. Nothing hangs on npm's lifecycle scripts,
// which `ignore-scripts=true` disables.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, publishedPackages, repositoryAddress, root, withPublished } from './packages.mjs';

const dryRun = process.argv.includes('--dry-run');
const run = (command, args, options = {}) => {
  console.log(`$ ${command} ${args.join(' ')}`);
  execFileSync(command, args, { cwd: root, stdio: 'inherit', ...options });
};

if (!dryRun) await checkRepository();
run('npx', ['turbo', 'run', 'build', '--output-logs=errors-only']);
if (dryRun) {
  run('npx', ['changeset', 'status']);
  const destination = mkdtempSync(join(tmpdir(), 'release-'));
  for (const { folder, manifest } of publishedPackages()) {
    console.log(`would publish ${manifest.name} as ${pack(folder, destination)}`);
  }
} else {
  run('npx', ['changeset', 'version']);
  run('npm', ['install', '--package-lock-only']);
  run('npx', ['turbo', 'run', 'build', '--output-logs=errors-only']);
  for (const { folder, manifest } of publishedPackages()) {
    if (isPublished(manifest)) continue;
    withPublished(folder, (copy) => run('npm', ['publish', '--access', 'public'], { cwd: copy }));
  }
  run('npx', ['changeset', 'tag']);
}

/** What is published links to its repository for good: none goes out while that address does not answer. */
async function checkRepository() {
  const address = repositoryAddress();
  const answer = await fetch(address, { method: 'HEAD', signal: AbortSignal.timeout(10_000) }).catch((error) => error);
  if (answer.ok) return;
  console.error(`release: ${address} does not answer (${answer.status ?? answer.cause?.code ?? answer.message}).`);
  console.error(
    'Every package names it as its repository; make it reachable, or correct it in package.json. --dry-run needs it not.',
  );
  process.exit(1);
}

function isPublished({ name, version }) {
  try {
    return execFileSync('npm', ['view', `${name}@${version}`, 'version'], { encoding: 'utf8' }).trim() === version;
  } catch {
    return false;
  }
}
