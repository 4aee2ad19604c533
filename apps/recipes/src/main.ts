import '@diptych/tfjs-backend-onnxruntime';
import { fileURLToPath } from 'node:url';
import { type Context, inference, isDiptychError } from '@diptych/core';
import { DataLoader, pairs as inMemory } from '@diptych/data';
import { compile } from '@diptych/nn';
import { tokenizer as openTokenizer } from '@diptych/preprocess/text';
import { type EmbeddedPairs, embedPairs, retrieval, Trainer, takeRows, topK } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { Command } from 'commander';
import { emojiPairs } from '../../example/src/emoji.js';
import { pictureTransform, RECIPE } from '../../example/src/model.js';
import { type SplitKind, splitPairs } from '../../example/src/split.js';
import { emojiTags } from './emoji-tags.js';
import { buildModel, buildTraining, RECIPES } from './recipe.js';

const VOCABULARY = fileURLToPath(new URL('../../../golden/tokenizer/vocab.txt', import.meta.url));

interface Options {
  readonly seed: number;
  readonly split: SplitKind;
  readonly steps: number;
  readonly minilm?: string;
}

/** Trains one recipe on the emoji pairs and prints its figures as one line of JSON. */
async function run(name: string, { seed, split, steps: wanted, minilm }: Options): Promise<void> {
  const recipe = RECIPES[name];
  if (!recipe) throw new Error(`unknown recipe ${name}; there are ${Object.keys(RECIPES).join(', ')}`);
  if (recipe.frozenText && !minilm) throw new Error(`${name} needs --minilm <folder of all-MiniLM-L6-v2>`);
  await tf.setBackend('onnxruntime');
  const { train, heldOut } = splitPairs(emojiPairs(), split, seed);
  const batchSize = recipe.batchSize ?? RECIPE.batchSize;
  const steps = Math.round((wanted * RECIPE.batchSize) / batchSize);
  const tokenizer = openTokenizer(VOCABULARY);
  const tags = recipe.tags ? emojiTags() : undefined;
  const loaderOf = (of: typeof train, training: boolean) =>
    new DataLoader(
      inMemory(
        of.map(({ id, image, text }) => ({ id, image, text: training ? [text, ...(tags?.get(id) ?? [])] : text })),
      ),
      {
        transform: pictureTransform(),
        tokenizer,
        maxLength: RECIPE.maxLength,
        padToMultipleOf: RECIPE.padToMultipleOf,
        batchSize,
        seed,
        shuffle: training,
        dropLast: training,
        captions: training && tags ? 'random' : 'first',
        ...(training && { cache: 'decoded' as const }),
      },
    );
  const model = await buildModel(recipe, tokenizer.vocabSize, seed, minilm);
  const trainer = new Trainer(model, buildTraining(recipe, steps, seed));
  const begin = performance.now();
  let matching = 0;
  await trainer.fit(loaderOf(train, true), {
    steps,
    onStep: ({ step, loss, parts, etaSeconds }) => {
      matching = parts['matching.matchingAccuracy']!;
      if (step % 20 === 0)
        console.error(`${name} ${step}/${steps} loss ${loss.toFixed(3)}, ${etaSeconds?.toFixed(0)} s left`);
    },
  });
  const seconds = (performance.now() - begin) / 1000;
  const embedded = await embedPairs(model, loaderOf(heldOut, false), { normalize: false });
  const { textToImage, imageToText } = await retrieval(embedded.image, embedded.text);
  const figures = {
    recipe: name,
    seed,
    split,
    steps,
    textToImage: { 'R@1': textToImage['recall@1'], 'R@10': textToImage['recall@10'] },
    imageToText: { 'R@1': imageToText['recall@1'], 'R@10': imageToText['recall@10'] },
    matching: recipe.fusion && name === 'co-attention' ? undefined : await matchingAccuracy(model, embedded),
    trainMatching: matching,
    seconds: Math.round(seconds),
  };
  console.log(JSON.stringify(figures));
}

/** Share of pictures whose own caption the matcher scores above the towers' best wrong one. */
async function matchingAccuracy(
  model: Awaited<ReturnType<typeof buildModel>>,
  { image, text }: EmbeddedPairs,
): Promise<number> {
  const count = image.shape[0];
  const nearest = await topK(image, text, 2);
  const wrong = nearest.map(({ indices }, i) => (indices[0] === i ? indices[1]! : indices[0]!));
  const context: Context = inference;
  const score = compile((a: tf.Tensor2D, b: tf.Tensor2D) => {
    const output = (pooled: tf.Tensor2D) => ({ pooled, sequence: tf.expandDims(pooled, 1) as tf.Tensor3D });
    return model.matchLogits(model.fusionLayer.fuse(output(a), output(b), context).fused);
  });
  const logits = async (texts: ArrayLike<number>) => {
    const rows = takeRows(text, texts);
    const [a, b] = [tf.tensor2d(image.data, [...image.shape]), tf.tensor2d(rows.data, [...rows.shape])];
    return (await score(a, b).data()) as Float32Array;
  };
  const own = await logits(Array.from({ length: count }, (_, i) => i));
  const other = await logits(wrong);
  return own.reduce((sum, logit, i) => sum + (logit > other[i]! ? 1 : 0), 0) / count;
}

const program = new Command('recipes')
  .argument('<names...>', `recipes: ${Object.keys(RECIPES).join(', ')}`)
  .option('--seed <n>', 'of split, weights and order', Number, 0)
  .option('--split <kind>', 'random or base', 'base')
  .option('--steps <n>', 'steps at a batch of 256', Number, RECIPE.steps)
  .option('--minilm <folder>', 'all-MiniLM-L6-v2 in the layout of the hub');
program.parse();
try {
  for (const name of program.args) await run(name, program.opts<Options>());
} catch (error) {
  console.error(isDiptychError(error) || error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
