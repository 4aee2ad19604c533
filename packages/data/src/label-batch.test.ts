import { mkdirSync, writeFileSync } from 'node:fs';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { FakeTokenizer, FakeTransform, fakeImage } from '../test/fake-parts.js';
import { makeTar } from '../test/make-tar.js';
import { readAll } from '../test/read-all.js';
import { tempFolder } from '../test/temp-folder.js';
import {
  csv,
  DataLoader,
  type DataLoaderOptions,
  folder,
  jsonl,
  mix,
  type PairSource,
  pairs,
  parquet,
  webdataset,
} from './index.js';

const { folder: temp, write } = tempFolder('labels');
for (const n of [0, 1, 2]) write(`${n}.png`, fakeImage(n));
const labels = { group: 'class', tags: 'multi', price: { kind: 'number', field: 'meta.price' } } as const;
const rows = [
  { image: '0.png', text: 'a', group: 'cat', tags: ['x', 'y'], meta: { price: 1.5 } },
  { image: '1.png', text: 'b', group: 'ant', tags: [], meta: { price: null } },
  { image: '2.png', text: 'c', group: '', meta: { price: '3' } },
];
const values = [{ group: 'cat', tags: ['x', 'y'], price: 1.5 }, { group: 'ant', tags: [] }, { price: 3 }];

function load(source: PairSource, options: Partial<DataLoaderOptions> = {}) {
  const parts = { transform: new FakeTransform(), tokenizer: new FakeTokenizer() };
  return new DataLoader(source, { ...parts, batchSize: 2, quarantine: false, ...options });
}

async function columns(loader: DataLoader) {
  const batches = [];
  for await (const { labels } of loader.epoch(0))
    batches.push(Object.fromEntries(Object.entries(labels!).map(([k, v]) => [k, [...v]])));
  return batches;
}

describe('labels', () => {
  it('are read by every source', async () => {
    const lines = rows.map((row) => JSON.stringify(row)).join('\n');
    const table = 'image;text;group;tags;meta.price\n0.png;a;cat;x|y;1.5\n1.png;b;ant;[];\n2.png;c;;;3\n';
    const members = rows.flatMap(({ text, image: _, ...rest }, i): [string, string | Uint8Array][] => [
      [`${i}.png`, fakeImage(i)],
      [`${i}.json`, JSON.stringify({ text, ...rest })],
    ]);
    mkdirSync(`${temp}/beside`);
    for (const [name, content] of members) writeFileSync(`${temp}/beside/${name}`, content);
    const columns = parquetWriteBuffer({
      columnData: [
        { name: 'image', data: rows.map(({ image }) => image), type: 'STRING' },
        { name: 'text', data: rows.map(({ text }) => text), type: 'STRING' },
        { name: 'group', data: rows.map(({ group }) => group), type: 'STRING' },
        { name: 'tags', data: ['["x", "y"]', '[]', null], type: 'STRING' },
        { name: 'meta.price', data: [1.5, null, 3], type: 'DOUBLE' },
      ],
    });
    const sources = [
      jsonl(write('rows.jsonl', lines), { labels }),
      csv(write('rows.csv', table), { labels }),
      parquet(write('rows.parquet', new Uint8Array(columns)), { labels }),
      webdataset(write('rows.tar', await makeTar(members)), { labels }),
      folder(`${temp}/beside`, { labels }),
      pairs(
        rows.map(({ image, text, ...labels }) => ({ image, text, labels })),
        { labels },
      ),
    ];
    for (const source of sources) {
      const { records, bad } = await readAll(source);
      expect([source.name, records.map(({ labels }) => labels), bad]).toEqual([source.name, values, []]);
      expect(source.labels).toEqual({ group: 'class', tags: 'multi', price: 'number' });
    }
    expect(mix([{ source: sources[0]!, weight: 1 }]).labels).toEqual(sources[0]!.labels);
    const number = jsonl(write('rows.jsonl', lines), { labels: { group: 'number' } });
    expect(() => mix([sources[0]!, number].map((source) => ({ source, weight: 1 })))).toThrow('class and number');
    expect((await readAll(number)).bad.map(({ reason }) => reason)).toEqual(['wrong-type', 'wrong-type']);
    expect(() => jsonl('a', { labels: { group: 'klass' as 'class' } })).toThrow("labels.group to be 'class'");
  });

  it('come as columns of batches, numbered by their sorted names', async () => {
    const source = jsonl(write('batch.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')), { labels });
    const loader = load(source);
    expect(await columns(loader)).toEqual([
      { group: [1, 0], tags: [1, 1, 0, 0], price: [1.5, Number.NaN] },
      { group: [-1], tags: [Number.NaN, Number.NaN], price: [3] },
    ]);
    expect(await loader.labelNames()).toEqual({ group: ['ant', 'cat'], tags: ['x', 'y'] });
    const inOrder = [];
    for await (const { labels } of loader.inOrder()) inOrder.push([...labels!.group!]);
    expect(inOrder).toEqual([[1, 0], [-1]]);
    const years = pairs(
      [10, 9, 2].map((year) => ({ image: fakeImage(1), text: 't', labels: { year } })),
      { labels: { year: 'class' } },
    );
    expect(await load(years).labelNames()).toEqual({ year: ['2', '9', '10'] });
    for await (const batch of load(pairs([{ image: fakeImage(1), text: 't' }])).epoch(0))
      expect('labels' in batch).toBe(false);
  });

  it('keep the numbers that training gave them; a name that training did not know is rejected', async () => {
    const source = jsonl(write('other.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')), { labels });
    const bad: string[] = [];
    const loader = load(source, {
      labels: { group: ['dog', 'cat'], tags: ['y', 'x'] },
      onBad: ({ reason, message }) => bad.push(`${reason} ${message}`),
    });
    expect(await columns(loader)).toEqual([{ group: [1, -1], tags: [1, 1, Number.NaN, Number.NaN], price: [1.5, 3] }]);
    expect(bad).toEqual([expect.stringMatching(/^unknown-label .*:2: .*"group" to be one of 2 names, got "ant"/)]);
    const state = JSON.parse(JSON.stringify(loader.state()));
    expect(state.labels).toEqual({ group: ['dog', 'cat'], tags: ['y', 'x'] });
    const resumed = load(source);
    resumed.resume({ ...state, batches: 0, planned: 0 });
    expect(await resumed.labelNames()).toEqual(state.labels);
    expect(() => load(source, { labels: { colour: ['red'] } })).toThrow('"colour"');
  });
});
