import type { PairRecord, PairSource, ReadContext } from '@diptych/data';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';

/** What {@link testSource} is told of a source of pairs. Sources that repeat their records in an epoch, as `mix` does, are not for it. */
export interface SourceContract {
  /** A source of some pairs, at least two and at most some thousands. What it rejects does not count. */
  create(): PairSource | Promise<PairSource>;
}

/**
 * Checks that a source keeps the contract of `PairSource`, as tests of a suite.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testSource(runner: Runner, name: string, contract: SourceContract): void {
  register(runner, name, sourceChecks(contract));
}

/** The checks of {@link testSource}, for use without a test runner. */
export function sourceChecks(contract: SourceContract): Check[] {
  checkContract('testing.sourceChecks', contract, 'create');
  const { create } = contract;
  const read = async (context: Partial<ReadContext> = {}) => collect(await create(), context);
  return [
    {
      name: 'has a name, and gives as many records as it says',
      run: async () => {
        const source = await create();
        ensure(typeof source.name === 'string' && source.name !== '', 'the name is empty');
        let rejected = 0;
        const { length } = await collect(source, { reject: () => rejected++ });
        ensure(length > 1, `${length} records: give it two at least`);
        ensure(
          source.size === undefined || source.size === length + rejected,
          `size is ${source.size}, but ${length} records came and ${rejected} were rejected`,
        );
      },
    },
    {
      name: 'gives records with an id, a number of their own, a caption and a place',
      run: async () => {
        const { labels = {} } = await create();
        const items = new Set<number>();
        for (const { id, item, image, text, origin, labels: values = {} } of await read()) {
          ensure(typeof id === 'string' && id !== '', `the id of item ${item} is ${JSON.stringify(id)}`);
          ensure(Number.isSafeInteger(item) && item >= 0, `the item ${item} of ${id} is no whole number`);
          ensure(!items.has(item), `two records have the item ${item}`);
          items.add(item);
          const texts = typeof text === 'string' ? [text] : text;
          ensure(
            texts.length > 0 && texts.every((one) => typeof one === 'string' && one.trim() !== ''),
            `${id} has no caption`,
          );
          ensure(['file', 'slice', 'bytes', 'pixels'].includes(image?.kind), `${id} has an image of no known kind`);
          ensure(typeof origin?.file === 'string', `${id} does not say where it was read`);
          const undeclared = Object.keys(values).find((name) => !Object.hasOwn(labels, name));
          ensure(undeclared === undefined, `${id} has the label ${undeclared}, which the source does not declare`);
        }
      },
    },
    {
      name: 'gives the same records in the same order each time',
      run: async () => {
        const source = await create();
        const first = keysOf(await collect(source));
        requireSame(keysOf(await collect(source)), first, 'a second reading');
        requireSame(keysOf(await read()), first, 'a second source');
      },
    },
    {
      name: 'shuffles by seed and epoch alone, and loses nothing',
      run: async () => {
        const plain = keysOf(await read());
        const shuffled = keysOf(await read({ shuffle: true, seed: 3, epoch: 1 }));
        requireSame(keysOf(await read({ shuffle: true, seed: 3, epoch: 1 })), shuffled, 'the same seed and epoch');
        requireSame([...shuffled].sort(), [...plain].sort(), 'another order');
        const { shufflesFully } = await create();
        if (!shufflesFully || plain.length < 8) return;
        const next = keysOf(await read({ shuffle: true, seed: 3, epoch: 2 }));
        ensure(next.join() !== shuffled.join(), 'shufflesFully, but two epochs have one order');
      },
    },
    {
      name: 'is divided among readers without a rest and without overlap',
      run: async () => {
        for (const shuffle of [false, true]) {
          const whole = keysOf(await read({ shuffle }));
          for (const count of [2, 3]) {
            const parts: string[] = [];
            for (let index = 0; index < count; index++)
              parts.push(...keysOf(await read({ shuffle, shard: { index, count } })));
            requireSame(parts.sort(), [...whole].sort(), `${count} readers`);
          }
        }
      },
    },
    {
      name: 'can be left in the midst and read again',
      run: async () => {
        const source = await create();
        for await (const _ of source.read(context())) break;
        requireSame(keysOf(await collect(source)), keysOf(await read()), 'after one that was left');
      },
    },
    {
      name: 'has the same fingerprint each time, if any',
      run: async () => {
        const [first, second] = await Promise.all([0, 1].map(async () => (await create()).fingerprint?.()));
        ensure(first === second, `${first} and ${second}`);
        ensure(first !== '', 'the fingerprint is empty');
      },
    },
  ];
}

function context(given: Partial<ReadContext> = {}): ReadContext {
  return {
    seed: 0,
    epoch: 0,
    shuffle: false,
    shard: { index: 0, count: 1 },
    buffer: { records: 10_000, bytes: 2 ** 27 },
    reject: () => {},
    ...given,
  };
}

async function collect(source: PairSource, given: Partial<ReadContext> = {}): Promise<PairRecord[]> {
  const records: PairRecord[] = [];
  for await (const record of source.read(context(given))) records.push(record);
  return records;
}

function keysOf(records: readonly PairRecord[]): string[] {
  return records.map(({ id, item, text }) => JSON.stringify([item, id, text]));
}

function requireSame(got: readonly string[], wanted: readonly string[], what: string): void {
  const place = wanted.findIndex((key, i) => got[i] !== key);
  ensure(
    place === -1 && got.length === wanted.length,
    `${what}: ${got.length} records for ${wanted.length}${place === -1 ? '' : `, ${got[place]} for ${wanted[place]}`}`,
  );
}
