import { describe, expect, it } from 'vitest';
import { defaultProgramBytes, ProgramBudget } from './program-budget.js';

/** A holder of so many bytes that notes its release. */
function holder(bytes: number) {
  const made = {
    bytes,
    released: 0,
    dispose() {
      made.released++;
    },
  };
  return made;
}

describe('ProgramBudget', () => {
  it('releases what was not used for longest', () => {
    const budget = new ProgramBudget(100);
    const [a, b, c] = [holder(40), holder(40), holder(40)];
    budget.use(a);
    budget.use(b);
    budget.use(a);
    budget.use(c);
    expect([a, b, c].map(({ released }) => released)).toEqual([0, 1, 0]);
    expect(budget).toMatchObject({ size: 2, bytes: 80 });
  });

  it('keeps what is in use, however large, and counts what grew', () => {
    const budget = new ProgramBudget(100);
    const [a, b] = [holder(30), holder(30)];
    budget.use(a);
    budget.use(b);
    b.bytes = 500;
    budget.use(b);
    expect([a.released, b.released]).toEqual([1, 0]);
    expect(budget).toMatchObject({ size: 1, bytes: 500 });
    b.bytes = 20;
    budget.use(b);
    expect(budget.bytes).toBe(20);
  });

  it('forgets what is released', () => {
    const budget = new ProgramBudget(100);
    const [a, b] = [holder(30), holder(30)];
    budget.use(a);
    budget.use(b);
    budget.release(a);
    expect(budget).toMatchObject({ size: 1, bytes: 30 });
    budget.clear();
    expect([a.released, b.released]).toEqual([1, 1]);
    expect(budget).toMatchObject({ size: 0, bytes: 0 });
  });

  it('takes a quarter of the memory, a gigabyte at least', () => {
    expect(defaultProgramBytes(2 ** 35)).toBe(2 ** 33);
    expect(defaultProgramBytes(2 ** 31)).toBe(2 ** 30);
  });
});
