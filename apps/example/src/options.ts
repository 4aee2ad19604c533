import { Command, InvalidArgumentError, Option } from 'commander';
import { BACKENDS, type BackendName } from './backends.js';
import type { SplitKind } from './split.js';
import { userPath } from './user-path.js';

/** What `npm start` was asked for. */
export interface TrainOptions {
  readonly split: SplitKind;
  readonly seed: number;
  readonly backend: BackendName;
  /** A short run for CI: fewer steps, the same path. */
  readonly quick: boolean;
  /** Starts a new run folder even where an interrupted run could go on. */
  readonly fresh: boolean;
  /** JSONL of own pairs instead of the emoji. */
  readonly data: string | undefined;
  /** Folder that holds the runs. */
  readonly runs: string;
  /** Folder name of this run; default: the next number. */
  readonly name: string | undefined;
  readonly steps: number | undefined;
}

/** What `npm run search` was asked for. */
export interface SearchOptions {
  readonly query: string | undefined;
  readonly image: string | undefined;
  readonly top: number;
  readonly rerank: number;
  readonly html: boolean | string;
  readonly runs: string;
  readonly run: string | undefined;
}

/** Reads the arguments of `npm start`; prints help or the mistake and exits where they are not usable. */
export function parseTrainOptions(argv: readonly string[]): TrainOptions {
  const command = new Command('npm start --')
    .description(
      'Train an image-text encoder on the emoji pictures and their names, evaluate it and make it searchable.',
    )
    .addOption(new Option('--split <kind>', 'how pairs are held out').choices(['random', 'base']).default('base'))
    .option('--seed <number>', 'seed of split, weights and order', wholeNumber, 0)
    .addOption(
      new Option('--backend <name>', 'compute engine; cpu is for comparison, it takes a quarter of an hour a step')
        .choices(BACKENDS)
        .default('onnxruntime'),
    )
    .option('--quick', 'a short run, for trying the path', false)
    .option('--fresh', 'start a new run even if an interrupted one could go on', false)
    .option('--data <file>', 'own pairs: JSONL with {"image": path, "text": caption} a line', userPath)
    .option('--runs <folder>', 'where runs are kept', userPath, 'runs')
    .option('--name <name>', 'folder name of this run')
    .option('--steps <number>', 'training steps instead of the recipe', wholeNumber);
  return command.parse(argv as string[], { from: 'user' }).opts<TrainOptions>();
}

/** Reads the arguments of `npm run search`. */
export function parseSearchOptions(argv: readonly string[]): SearchOptions {
  const command = new Command('npm run search --')
    .description('Search the pictures of the newest finished run by text or by picture.')
    .argument('[query]', 'what to look for, in words')
    .option('--image <path>', 'search by this picture instead', userPath)
    .option('--top <number>', 'how many results', wholeNumber, 8)
    .option('--rerank <number>', 're-rank this many best results with the fused matcher', wholeNumber, 0)
    .option('--html [file]', 'write the results as a page', false)
    .option('--runs <folder>', 'where runs are kept', userPath, 'runs')
    .option('--run <name>', 'the run to search; default: the newest finished one');
  command.parse(argv as string[], { from: 'user' });
  const options = command.opts<Omit<SearchOptions, 'query'>>();
  const query = command.args[0];
  if ((query === undefined) === (options.image === undefined)) {
    command.error('give either words to look for, or --image with a picture');
  }
  if (options.image !== undefined && options.rerank > 0) {
    command.error('--rerank needs words: the matcher scores a picture with a text');
  }
  return { ...options, query };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number');
  return value;
}
