import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { captionedSource } from '@diptych/cli';
import { isDiptychError } from '@diptych/core';
import { DataLoader } from '@diptych/data';
import { emojiPairs } from '@diptych/example/emoji';
import { imageTransform } from '@diptych/preprocess/image';
import { tokenizer as openTokenizer } from '@diptych/preprocess/text';
import { AdamW, Trainer } from '@diptych/train';
import { seedLoss, seedModel } from 'diptych';

const VOCABULARY = fileURLToPath(new URL('../../../golden/tokenizer/vocab.txt', import.meta.url));
/** What the reference system trains with. */
const LEARNING_RATE = 5e-5;
const STEPS = 20;
/** Batches of different pairs, seen in turns: with all pairs, twenty steps would see each but once, and nothing could fall. */
const BATCHES = 2;

/** What one length policy cost. */
interface Measurement {
  readonly name: string;
  readonly secondsPerStep: number;
  readonly firstLoss: number;
  readonly lastLoss: number;
  readonly peakRssMiB: number;
}

/** How texts are padded, the cheaper first: the process's peak memory is then each one's own. */
const LAYOUTS = {
  'dynamic length': { padding: 'longest', padToMultipleOf: 16 },
  'padded to 512': { padding: 'max_length' },
} as const;

/**
 * The reference system at full size on emoji pairs: 20 steps with the length of the batch and 20 with text padded to 512 tokens,
 * one after the other from the same weights.
 */
async function run(batchSize: number, steps: number, pretrained: boolean): Promise<void> {
  const pairs = evenlySpaced(emojiPairs(), BATCHES * batchSize);
  for (const [name, layout] of Object.entries(LAYOUTS)) {
    const model = await seedModel({ seed: 0, pretrained });
    const loader = new DataLoader(captionedSource(pairs), {
      ...layout,
      transform: imageTransform('imagenet', { decode: { onto: 'white' } }),
      tokenizer: openTokenizer(VOCABULARY),
      maxLength: 512,
      batchSize,
      shuffle: true,
      dropLast: true,
      strict: true,
    });
    const trainer = new Trainer(model, { loss: seedLoss(), optimizer: new AdamW({ learningRate: LEARNING_RATE }) });
    const losses: number[] = [];
    const begin = performance.now();
    let compiled = begin;
    await trainer.fit(loader, {
      steps,
      onStep: ({ step, loss }) => {
        if (step === 1) compiled = performance.now();
        losses.push(loss);
        console.log(`${name}: step ${step}/${steps}  loss ${loss.toFixed(4)}`);
      },
    });
    const seconds = (performance.now() - compiled) / 1000;
    print({
      name,
      secondsPerStep: seconds / (steps - 1),
      firstLoss: mean(losses.slice(0, 5)),
      lastLoss: mean(losses.slice(-5)),
      peakRssMiB: process.resourceUsage().maxRSS / 1024,
    });
    trainer.dispose();
    model.dispose();
  }
}

function print({ name, secondsPerStep, firstLoss, lastLoss, peakRssMiB }: Measurement): void {
  console.log(
    `${name}: ${secondsPerStep.toFixed(2)} s a step after the first, loss of the first five steps ${firstLoss.toFixed(3)}, of the last five ${lastLoss.toFixed(3)}, peak memory so far ${Math.round(peakRssMiB)} MiB`,
  );
}

function evenlySpaced<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const HELP = `npm run example:seed -- [--batch-size 4] [--steps ${STEPS}] [--pretrained]

Trains ResNet-50 + BERT-base + attention fusion at full size for a few steps; --pretrained starts from the hub's weights.`;

const { values } = parseArgs({
  options: {
    'batch-size': { type: 'string', default: '4' },
    steps: { type: 'string', default: String(STEPS) },
    pretrained: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else {
  run(Number(values['batch-size']), Number(values.steps), values.pretrained).catch((error: unknown) => {
    console.error(isDiptychError(error) ? error.message : error);
    process.exitCode = 1;
  });
}
