import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { browserHubSource, memorySource } from '@diptych/weights';
import { folderSource, hubSource } from '@diptych/weights/node';
import { afterAll, describe, it } from 'vitest';
import { FakeHub } from '../../weights/src/node/fake-hub.fixture.js';
import { testWeightSource } from '../src/index.js';

// Every source of @diptych/weights keeps the contract for sources.
const cleanUp: (() => unknown)[] = [];
afterAll(async () => {
  for (const undo of cleanUp) await undo();
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'diptych-source-'));
  cleanUp.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function fakeHub(files: Readonly<Record<string, Uint8Array>>): Promise<FakeHub> {
  const hub = await FakeHub.start({ ...files });
  cleanUp.push(() => hub.stop());
  return hub;
}

const runner = { describe, it };
testWeightSource(runner, 'memorySource', { create: (files) => memorySource(files) });
testWeightSource(runner, 'folderSource', {
  create: (files) => {
    const folder = temporaryFolder();
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    return folderSource(folder);
  },
});
testWeightSource(runner, 'hubSource', {
  create: async (files) => {
    const { endpoint, repo } = await fakeHub(files);
    return hubSource(repo, { endpoint, cacheDir: temporaryFolder(), token: '', offline: false });
  },
});
testWeightSource(runner, 'browserHubSource', {
  create: async (files) => {
    const { endpoint, repo } = await fakeHub(files);
    return browserHubSource(repo, { endpoint });
  },
});
