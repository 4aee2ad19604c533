// Every block of code in the READMEs and docs, in an empty project with the packed packages: it compiles under `tsc --strict` with both of
// the resolutions that projects use, and it runs. `node tooling/check-docs.mjs [part of a page's name …]` checks some.
import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { asRequire } from './docs/as-require.mjs';
import { blocksOf, pages } from './docs/blocks.mjs';
import { serveHub, writeFiles, writeRepositories } from './docs/materials.mjs';
import { root } from './packages.mjs';
import { createUserProject } from './user-project.mjs';

const RESOLUTIONS = {
  nodenext: { module: 'NodeNext', moduleResolution: 'NodeNext' },
  bundler: { module: 'ESNext', moduleResolution: 'Bundler' },
};
const SECONDS_A_BLOCK = 120;

const wanted = process.argv.slice(2);
const blocks = pages()
  .filter((page) => wanted.length === 0 || wanted.some((part) => page.includes(part)))
  .flatMap((page) =>
    blocksOf(page).map((block, i) => ({ ...block, opensReadme: i === 0 && page.startsWith('packages/') })),
  )
  .map((block) => ({
    ...block,
    where: `${block.page}:${block.line}`,
    file: `${block.page.replaceAll(/\W+/g, '-')}-${block.line}.mts`,
  }));
let passed = 0;
let failed = 0;

const { project, remove } = createUserProject(['typescript', '@types/node']);
try {
  const own = readFileSync(join(root, 'tooling/docs/readers-own.mts'), 'utf8');
  writeFileSync(join(project, 'readers-own.mts'), own);
  writeFileSync(join(project, 'readers-own.mjs'), withoutTypes(own));
  for (const { file, source } of blocks) writeFileSync(join(project, file), asModule(source));
  for (const [name, resolution] of Object.entries(RESOLUTIONS)) typeCheck(name, resolution);

  const reader = join(project, 'reader');
  await writeFiles(reader);
  writeRepositories(join(project, 'hub'));
  const hub = await serveHub(join(project, 'hub'));
  try {
    const environment = { ...process.env, HF_ENDPOINT: hub.endpoint, HF_HOME: join(project, 'cache'), NO_COLOR: '1' };
    delete environment.HF_HUB_OFFLINE;
    delete environment.TRANSFORMERS_OFFLINE;
    const models = readFileSync(join(root, 'tooling/docs/models.mts'), 'utf8');
    const prepared = await runModule('models', models, reader, environment);
    report('the models that the docs read', prepared.ok, prepared.output);
    const waiting = blocks.filter(({ notRun }) => notRun === undefined);
    const work = async () => {
      for (let block = waiting.shift(); block; block = waiting.shift()) {
        // a folder of its own for each: blocks write files
        const folder = join(project, `in-${block.file}`);
        cpSync(reader, folder, { recursive: true });
        const { ok, output } = await runModule(block.file, block.source, folder, environment);
        report(`${block.where} runs`, ok, output);
        if (!block.opensReadme) continue;
        const required = await runModule(block.file.replace('.mts', '.cjs'), block.source, folder, environment);
        report(`${block.where} runs by require`, required.ok, required.output);
      }
    };
    await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
  } finally {
    hub.stop();
  }
  for (const { where, notRun } of blocks) if (notRun) console.log(`     ${where} is not run: ${notRun}`);
} finally {
  remove();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

/** One run of the user's compiler over all blocks. */
function typeCheck(name, resolution) {
  const compilerOptions = {
    ...resolution,
    target: 'ES2022',
    strict: true,
    noEmit: true,
    types: ['node'],
    moduleDetection: 'force',
  };
  const files = ['readers-own.mts', ...blocks.map(({ file }) => file)];
  writeFileSync(join(project, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions, files }));
  const { stdout } = spawnSync('node_modules/.bin/tsc', ['-p', `tsconfig.${name}.json`, '--pretty', 'false'], {
    cwd: project,
    encoding: 'utf8',
  });
  // one a complaint, with the lines that go on; tfjs's own declarations lack a dependency
  const complaints = stdout
    .split(/\n(?! )/)
    .filter((line) => line !== '' && !line.startsWith('node_modules/@tensorflow/'));
  for (const { where, file } of blocks) {
    const own = complaints.filter((line) => line.startsWith(`${file}(`));
    report(`${where} compiles, ${name}`, own.length === 0, own.join('\n'));
  }
  const others = complaints.filter((line) => !blocks.some(({ file }) => line.startsWith(`${file}(`)));
  report(`the packages' declarations compile, ${name}`, others.length === 0, others.join('\n'));
}

/** Runs a module with what is the reader's own in it, in a folder of the project. */
function runModule(name, source, folder, environment) {
  const isCommonJs = name.endsWith('.cjs');
  const file = join(folder, isCommonJs ? name : name.replace(/(\.mts)?$/, '.mjs'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, isCommonJs ? asRequire(withoutTypes(source)) : withoutTypes(source));
  copyFileSync(join(project, 'readers-own.mjs'), join(folder, 'readers-own.mjs'));
  const used = [...new Set(source.match(/\b[A-Za-z]+\b/g))].join(' ');
  return new Promise((done) => {
    const options = {
      cwd: folder,
      env: { ...environment, DIPTYCH_READERS_OWN: used },
      timeout: SECONDS_A_BLOCK * 1000,
    };
    execFile('node', ['--no-warnings', '--import', './readers-own.mjs', file], options, (error, stdout, stderr) => {
      const late = error?.killed ? `took more than ${SECONDS_A_BLOCK} s\n` : '';
      done({ ok: error === null, output: `${late}${stdout}${stderr}` });
    });
  });
}

/** A block without imports is a module as well. */
function asModule(source) {
  return `${source}\nexport {};\n`;
}

function withoutTypes(source) {
  const { ES2022: target } = ts.ScriptTarget;
  const { ESNext: module } = ts.ModuleKind;
  return ts.transpileModule(source, { compilerOptions: { target, module } }).outputText;
}

function report(name, ok, output) {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`);
  if (!ok) console.log(output.trim().split('\n').slice(-25).join('\n'));
}
