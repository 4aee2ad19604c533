import { expect, it } from 'vitest';
import type { Metadata } from './metadata.js';
import { rowFilter } from './row-filter.js';

it('says of each row whether it fits, and refuses what is no filter', () => {
  const fits = rowFilter({ folder: { in: ['a', 'b'] }, year: { gte: 2020 }, $not: { tag: 'sea' } });
  const rows: Metadata[] = [
    { folder: 'a', year: 2021, tag: ['hill'] },
    { folder: 'a', year: 2021, tag: ['hill', 'sea'] },
    { folder: 'c', year: 2021 },
    { folder: 'b', year: 2019 },
    { folder: 'b' },
  ];
  expect(rows.map(fits)).toEqual([true, false, false, false, false]);
  expect(() => rowFilter({ year: { above: 3 } } as never)).toThrow(/expected in, gt, gte, lt or lte/);
});
