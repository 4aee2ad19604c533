import { join } from 'node:path';
import { Matrix } from '@diptych/core';
import { type RetrievalScores, retrieval } from '@diptych/metrics';
import { openOnnx } from '@diptych/tfjs-backend-onnxruntime';
import { openSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import type { JointModel } from 'diptych';

/** Recalls of pictures by their captions, over all held-out pairs. */
type Recalls = Readonly<Record<'recall@1' | 'recall@5' | 'recall@10', number>>;

/** What integers in place of floats cost. */
export interface Int8Recall {
  readonly pairs: number;
  readonly float32: Recalls;
  readonly int8: Recalls;
  /** The least cosine of a text's two vectors. */
  readonly leastCosine: number;
}

/**
 * Searches the held-out pictures of a run by their captions, with the text tower as it is and as int8. Pairs of one picture, and
 * of one caption, are right answers to each other.
 *
 * @param file the text tower as int8
 * @returns undefined for a run that does not say which pairs it held out
 */
export async function int8Recall(model: JointModel, run: string, file: string): Promise<Int8Recall | undefined> {
  const held = openSafetensors(join(run, 'heldout.safetensors'));
  const [texts, images] = [held.metadata.texts, held.metadata.images].map(
    (list) => JSON.parse(list ?? '[]') as string[],
  );
  if (texts!.length === 0 || texts!.length !== images!.length) return undefined;
  const matrix = (name: string) => {
    const { data, shape } = held.read(name);
    return new Matrix(data as Float32Array, [shape[0]!, shape[1]!]);
  };
  const [image, text] = [matrix('image'), matrix('text')];
  const small = embedOneByOne(model, texts!, file);
  const groups = texts!.map((one, i) => [`image ${images![i]}`, `text ${one.trim().toLowerCase()}`]);
  const recalls = async (texts: Matrix) =>
    pick((await retrieval(image, texts, { imageIds: groups, textIds: groups })).textToImage);
  return {
    pairs: texts!.length,
    float32: await recalls(text),
    int8: await recalls(small),
    leastCosine: Math.min(...texts!.map((_, i) => text.row(i).reduce((sum, x, j) => sum + x * small.row(i)[j]!, 0))),
  };
}

/** As the page does: the integers of a batch depend on all of its texts. */
function embedOneByOne({ tokenizer, tokenize, embedDim }: JointModel, texts: readonly string[], file: string): Matrix {
  const opened = openOnnx(file);
  const vectors = new Float32Array(texts.length * embedDim);
  try {
    for (const [i, text] of texts.entries()) {
      const { inputIds, attentionMask, shape } = tokenizer.encode([text], { truncation: true, ...tokenize });
      tf.tidy(() => {
        const ids = (data: Int32Array) => tf.tensor2d(data, [shape[0]!, shape[1]!], 'int32');
        const { embedding } = opened.run({ input_ids: ids(inputIds), attention_mask: ids(attentionMask) });
        vectors.set(embedding!.dataSync(), i * embedDim);
      });
    }
  } finally {
    opened.dispose();
  }
  return new Matrix(vectors, [texts.length, embedDim]);
}

function pick(scores: RetrievalScores): Recalls {
  const of = (k: 1 | 5 | 10) => scores[`recall@${k}`]!;
  return { 'recall@1': of(1), 'recall@5': of(5), 'recall@10': of(10) };
}

/** The two beside each other. */
export function recallTable({ pairs, float32, int8, leastCosine }: Int8Recall): string {
  const line = (name: string, values: readonly (string | number)[]) =>
    `${name.padEnd(16)}${values.map((value) => (typeof value === 'number' ? value.toFixed(3) : value).padStart(9)).join('')}`;
  const of = (recalls: Recalls) => [recalls['recall@1'], recalls['recall@5'], recalls['recall@10']];
  return [
    line('text to image', ['R@1', 'R@5', 'R@10']),
    line('text as float32', of(float32)),
    line('text as int8', of(int8)),
    `${pairs} held-out pairs; a text's two vectors have a cosine of ${leastCosine.toFixed(4)} at least`,
  ].join('\n');
}
