import { fileURLToPath } from 'node:url';
import type { TokenVectors } from '@diptych/text';
import { openSafetensors } from '@diptych/weights/node';

/** GloVe's vectors of the vocabulary's words; reference/gen_word_vectors.mjs says where they come from. */
const FILE = fileURLToPath(new URL('../data/word-vectors.safetensors', import.meta.url));

/**
 * What words mean before the first picture is seen: "puppy" lies near "dog" though no caption says it.
 *
 * @param vocabSize of bert-base-uncased's vocabulary, which the file's token ids are of
 */
export function wordVectors(vocabSize: number): TokenVectors {
  const file = openSafetensors(FILE);
  const ids = file.read('ids').data;
  const { data: rows, shape } = file.read('vectors');
  const width = shape[1]!;
  const data = new Float32Array(vocabSize * width);
  for (const [row, id] of ids.entries()) data.set(rows.subarray(row * width, (row + 1) * width), id * width);
  return { data, shape: [vocabSize, width] };
}
