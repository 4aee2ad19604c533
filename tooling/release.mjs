// npm run release [-- --dry-run]: builds, versions and publishes, step by step. Nothing hangs on npm's lifecycle scripts,
// which `ignore-scripts=true` disables.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, publishedPackages, root, withLicense } from './packages.mjs';

const dryRun = process.argv.includes('--dry-run');
const run = (command, args, options = {}) => {
  console.log(`$ ${command} ${args.join(' ')}`);
  execFileSync(command, args, { cwd: root, stdio: 'inherit', ...options });
};

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
    withLicense(folder, () => run('npm', ['publish', '--access', 'public'], { cwd: folder }));
  }
  run('npx', ['changeset', 'tag']);
}

function isPublished({ name, version }) {
  try {
    return execFileSync('npm', ['view', `${name}@${version}`, 'version'], { encoding: 'utf8' }).trim() === version;
  } catch {
    return false;
  }
}
