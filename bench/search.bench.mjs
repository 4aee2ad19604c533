// Exact search of the best 10 among a million rows of 256, one query and 64 at a time, beside numpy and usearch's exact search, in turns
// in one run; int8 with its recall; opening. Needs 4 GB of disk in .cache, and Python with numpy and usearch (else no ratios).
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openIndex } from '@diptych/search';
import { clusteredRows } from './lib/clustered-rows.mjs';
import { threads } from './lib/settings.mjs';
import { line } from './lib/statistics.mjs';

const [ROWS, WIDTH, K, ROUNDS] = [1_000_000, 256, 10, Number(process.env.DIPTYCH_BENCH_ROUNDS ?? 9)];
const CHUNK = 50_000;
const folder = fileURLToPath(new URL('../.cache/bench/search', import.meta.url));
const paths = { rows: `${folder}/rows.f32`, queries: `${folder}/queries.f32` };
mkdirSync(folder, { recursive: true });

const rowsOf = (count, seed) => clusteredRows(count, WIDTH, seed);
const queries = rowsOf(64, 99);

async function prepare() {
  if (existsSync(`${folder}/done`)) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(paths.queries, queries);
  const file = openSync(paths.rows, 'w');
  const indexes = await Promise.all(
    ['float32', 'int8'].map((precision) => openIndex(`${folder}/${precision}`, { embedDim: WIDTH, precision })),
  );
  for (let first = 0; first < ROWS; first += CHUNK) {
    const data = rowsOf(CHUNK, first + 1);
    writeSync(file, data);
    const ids = Array.from({ length: CHUNK }, (_, i) => `picture ${first + i}`);
    const metadata = ids.map((_, i) => ({ folder: `folder ${i % 100}`, number: first + i }));
    for (const index of indexes) await index.add({ ids, vectors: { data, shape: [CHUNK, WIDTH] }, metadata });
  }
  closeSync(file);
  for (const index of indexes) await index.close();
  writeFileSync(`${folder}/done`, '');
}

/** The Python process, or undefined without one. */
async function openPython() {
  if (!process.env.DIPTYCH_PYTHON) return undefined;
  const script = fileURLToPath(new URL('../reference/bench_search.py', import.meta.url));
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...env } = process.env; // settings of a machine's older builds slow it down
  const limits = { OPENBLAS_NUM_THREADS: String(threads), OMP_NUM_THREADS: String(threads) };
  const child = spawn(
    process.env.DIPTYCH_PYTHON,
    [script, paths.rows, paths.queries, ROWS, WIDTH, K, threads].map(String),
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...env, ...limits },
    },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { done } = await lines.next();
  if (done) return undefined;
  return {
    async search(name, count) {
      child.stdin.write(`${name} ${count}\n`);
      const [wall, cpu, best] = (await lines.next()).value.split(' ');
      return { wall: Number(wall), cpu: Number(cpu), best: best.split(',').map(Number) };
    },
    close: () => child.stdin.end(),
  };
}

async function ours(index, count) {
  const query = { data: queries.subarray(0, count * WIDTH), shape: [count, WIDTH] };
  const before = process.cpuUsage();
  const begin = performance.now();
  const [hits] = await index.search(query, { k: K });
  const wall = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: (user + system) / 1e6, best: hits.map(({ id }) => Number(id.split(' ')[1])) };
}

await prepare();
const python = await openPython();
if (!python) console.error('no Python with numpy and usearch (DIPTYCH_PYTHON): no ratios');
const opening = [];
const indexes = {};
for (const precision of ['float32', 'int8']) {
  const begin = performance.now();
  indexes[precision] = await openIndex(`${folder}/${precision}`, { readonly: true, threads, cacheBytes: 2 ** 31 });
  await indexes[precision].get(['picture 777777']);
  opening.push((performance.now() - begin) / 1000);
}
const sides = {
  float32: (count) => ours(indexes.float32, count),
  int8: (count) => ours(indexes.int8, count),
  ...(python && {
    numpy: (count) => python.search('numpy', count),
    usearch: (count) => python.search('usearch', count),
  }),
};
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

for (const count of [1, 64]) {
  const times = Object.fromEntries(Object.keys(sides).map((side) => [side, { wall: [], cpu: [] }]));
  let best;
  // the first round warms up; usearch's 64 take seconds, so that three rounds have to do
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [side, search] of Object.entries(sides)) {
      if (side === 'usearch' && count > 1 && round > 3) continue;
      const result = await search(count);
      best ??= result.best;
      if (result.best.join() !== best.join()) throw new Error(`${side} finds ${result.best}, not ${best}`);
      if (round === 0) continue;
      times[side].wall.push(result.wall);
      times[side].cpu.push(result.cpu);
    }
  }
  const others = Object.keys(times).filter((side) => side in { numpy: 1, usearch: 1 });
  const against = others.toSorted((a, b) => median(times[a].wall) - median(times[b].wall))[0];
  for (const precision of ['float32', 'int8']) {
    const made = line(`search_${count}_${precision}`, 's', times[precision].wall, {
      must: precision === 'int8' ? 3 : 1,
      ...(against && { against, reference: times[against].wall }),
    });
    const ratioCpu = against && median(times[against].cpu) / median(times[precision].cpu);
    console.log(JSON.stringify({ ...made, cpu: median(times[precision].cpu), ratioCpu }));
  }
  for (const side of others) console.log(JSON.stringify(line(`search_${count}_${side}`, 's', times[side].wall)));
}
python?.close();

const recall = await indexes.int8.recall({ data: queries, shape: [64, WIDTH] }, { k: K });
console.log(JSON.stringify(line('search_int8_recall', 'of 10', [recall], { must: 0.99, higherIsBetter: true })));
console.log(JSON.stringify(line('search_open_million', 's', opening, { must: 0.5 })));
for (const index of Object.values(indexes)) await index.close();
