import type { DataError, PairRecord, PairSource, ReadContext } from '../src/index.js';
import { plainRead } from '../src/index.js';

/** All records of a source and what it rejected. */
export async function readAll(
  source: PairSource,
  { strict = false, ...context }: Partial<ReadContext> & { strict?: boolean } = {},
): Promise<{ records: PairRecord[]; bad: DataError[] }> {
  const records: PairRecord[] = [];
  const bad: DataError[] = [];
  const reject = (error: DataError) => {
    if (strict) throw error;
    bad.push(error);
  };
  for await (const record of source.read({ ...plainRead(reject), ...context })) records.push(record);
  return { records, bad };
}
