import { describe, expect, it } from 'vitest';
import { DiptychError, isDiptychError, ShapeError } from './errors.js';

describe('DiptychError', () => {
  it('reads where, expected, got, problem, remedy', () => {
    const error = new DiptychError('config', {
      where: 'train.AdamW',
      expected: 'a learning rate above 0',
      got: '-1',
      problem: 'weights would walk uphill',
      remedy: 'pass 5e-5',
    });
    expect(error.message).toBe(
      'train.AdamW: expected a learning rate above 0, got -1; weights would walk uphill; pass 5e-5',
    );
    expect(error.code).toBe('config');
  });

  it('is recognised by brand, with its cause kept', () => {
    const cause = new Error('disk');
    const error = new ShapeError({ where: 'here' }, { cause });
    expect(isDiptychError(error)).toBe(true);
    expect(error).toBeInstanceOf(DiptychError);
    expect(error.cause).toBe(cause);
    expect(isDiptychError(cause)).toBe(false);
    expect(isDiptychError(null)).toBe(false);
  });
});
