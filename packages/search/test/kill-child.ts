/** Adds, replaces and deletes rows until it is killed, and says after each call that it is done. */
import { openIndex } from '../src/open-index.js';
import { operation } from './operations.js';

const [, , folder] = process.argv;
const index = await openIndex(folder!, { embedDim: 24, precision: 'int8', threads: 1 });
const [last] = await index.get(['last']);
let number = last ? (last.metadata.number as number) + 1 : 0;
console.log(`open ${number}`);
for (; ; number++) {
  const { rows, gone } = operation(number);
  if (rows) await index.add(rows);
  else await index.delete(gone!);
  console.log(`done ${number}`);
}
