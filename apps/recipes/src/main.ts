import '@diptych/tfjs-backend-onnxruntime';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Pair, pictureTransform, RECIPE, type SplitKind, splitPairs } from '@diptych/cli';
import { isDiptychError, type Tokenizer } from '@diptych/core';
import { DataLoader, pairs as inMemory } from '@diptych/data';
import { emojiPairs } from '@diptych/example/emoji';
import { matchingAccuracy, retrieval } from '@diptych/metrics';
import { tokenizer as openTokenizer } from '@diptych/preprocess/text';
import { encodeItems, evaluate, scorerOf, Trainer } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { emojiGroups } from './emoji-groups.js';
import { freezeText } from './frozen-text.js';
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
  const frozen = recipe.frozenText
    ? await freezeText(minilm!, captionsOf([...train, ...heldOut]), tokenizer, RECIPE.maxLength)
    : undefined;
  const groups = recipe.groupOn ? emojiGroups() : undefined;
  const groupNames = groups && [...new Set(groups.values())].sort();
  const sourceOf = (pairs: readonly Pair[], layout: { training: boolean; batchSize: number }) => {
    const loader = loaderOf(pairs, tokenizer, { ...layout, seed, withTags: recipe.tags ?? false, groups, groupNames });
    return frozen ? frozen.attach(loader) : loader;
  };
  const model = buildModel(recipe, tokenizer.vocabSize, seed, frozen?.width, groupNames);
  const trainer = new Trainer(model, buildTraining(recipe, steps, seed));
  const begin = performance.now();
  let matching = 0;
  await trainer.fit(sourceOf(train, { training: true, batchSize }), {
    steps,
    onStep: ({ step, loss, parts, etaSeconds }) => {
      matching = parts['matching.matchingAccuracy']!;
      if (step % 20 === 0)
        console.error(`${name} ${step}/${steps} loss ${loss.toFixed(3)}, ${etaSeconds?.toFixed(0)} s left`);
    },
  });
  const seconds = (performance.now() - begin) / 1000;
  const items = await encodeItems(model, sourceOf(heldOut, { training: false, batchSize }));
  const [image, text] = [items.image.pooled, items.text.pooled];
  const { textToImage, imageToText } = await retrieval(image, text);
  const { labels } = await evaluate(model, sourceOf(heldOut, { training: false, batchSize }));
  const figures = {
    recipe: name,
    seed,
    split,
    steps,
    textToImage: { 'R@1': textToImage['recall@1'], 'R@10': textToImage['recall@10'] },
    imageToText: { 'R@1': imageToText['recall@1'], 'R@10': imageToText['recall@10'] },
    matching: await matchingAccuracy(image, text, scorerOf(model, items)),
    trainMatching: matching,
    ...(labels && { group: labels.group }),
    seconds: Math.round(seconds),
  };
  console.log(JSON.stringify(figures));
}

function captionsOf(pairs: readonly Pair[]): ReadonlyMap<string, string> {
  return new Map(pairs.map(({ id, text }) => [id, text]));
}

/** The example's pipeline; tags stand beside the caption in training alone. */
function loaderOf(
  pairs: readonly Pair[],
  tokenizer: Tokenizer,
  { training, batchSize, seed, withTags, groups, groupNames }: LoaderLayout,
): DataLoader {
  const rows = pairs.map(({ id, image, text, tags = [] }) => ({
    id,
    image,
    text: training && withTags ? [text, ...tags] : text,
    ...(groups?.has(id) && { labels: { group: groups.get(id) } }),
  }));
  return new DataLoader(inMemory(rows, groups && { labels: { group: 'class' } }), {
    ...(groupNames && { labels: { group: groupNames } }),
    transform: pictureTransform(),
    tokenizer,
    maxLength: RECIPE.maxLength,
    padToMultipleOf: RECIPE.padToMultipleOf,
    batchSize,
    seed,
    shuffle: training,
    dropLast: training,
    captions: training && withTags ? 'random' : 'first',
    ...(training && { cache: 'decoded' as const }),
  });
}

interface LoaderLayout {
  readonly training: boolean;
  readonly batchSize: number;
  readonly seed: number;
  /** Whether the emoji's tags stand beside its name, one of them drawn for each epoch. */
  readonly withTags: boolean;
  /** The emojis' groups by id, and their names in the order of their numbers. */
  readonly groups: ReadonlyMap<string, string> | undefined;
  readonly groupNames: readonly string[] | undefined;
}

const HELP = `node apps/recipes/dist/main.js <recipes...> [--seed 0] [--split base] [--steps 300] [--minilm folder]

  --seed    of split, weights and order
  --split   random or base
  --steps   at a batch of 256
  --minilm  all-MiniLM-L6-v2 in the layout of the hub

${Object.entries(RECIPES)
  .map(([name, { about }]) => `  ${name.padEnd(20)}${about}`)
  .join('\n')}`;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '0' },
      split: { type: 'string', default: 'base' },
      steps: { type: 'string', default: String(RECIPE.steps) },
      minilm: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || positionals.length === 0) console.log(HELP);
  const options = {
    ...values,
    seed: Number(values.seed),
    steps: Number(values.steps),
    split: values.split as SplitKind,
  };
  for (const name of positionals) await run(name, options);
} catch (error) {
  console.error(isDiptychError(error) || error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
