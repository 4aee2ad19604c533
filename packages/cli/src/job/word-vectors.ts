import { ConfigError } from '@diptych/core';
import type { TokenVectors } from '@diptych/text';
import { openSafetensors } from '@diptych/weights/node';

/**
 * What words mean before the first picture is seen: "puppy" lies near "dog" though no caption says it.
 *
 * @param path of a file with `ids` [N] of tokens and their `vectors` [N, D]; reference/gen_word_vectors.mjs makes one of GloVe's
 * @param vocabSize of bert-base-uncased's vocabulary, which the file's token ids are of
 * @throws ConfigError if an id lies outside of the vocabulary
 */
export function wordVectors(path: string, vocabSize: number): TokenVectors {
  const file = openSafetensors(path);
  const ids = file.read('ids').data;
  const { data: rows, shape } = file.read('vectors');
  const width = shape[1]!;
  const data = new Float32Array(vocabSize * width);
  for (const [row, id] of ids.entries()) {
    if (id >= vocabSize) {
      throw new ConfigError({ where: path, expected: `ids of ${vocabSize} tokens`, got: `the id ${id}` });
    }
    data.set(rows.subarray(row * width, (row + 1) * width), id * width);
  }
  return { data, shape: [vocabSize, width] };
}
