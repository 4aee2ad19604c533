import { buildCommand } from '@stricli/core';
import type { TrainFlags } from '../config/train-plan.js';
import { BACKENDS } from '../engine/backends.js';
import { TUNES } from '../job/towers/tower-names.js';
import { userPath } from '../terminal/user-path.js';
import { about, choice, layoutFlags, optional, runFlags, toggle, towerFlags } from './flags.js';
import { wholeNumber } from './parse.js';

/** Flags of `train`; what is left out comes from the configuration, then from defaults. */
export const trainCommand = buildCommand<TrainFlags, [data?: string]>({
  loader: async () => (await import('./train-run.js')).train,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'the same as --data', parse: userPath, placeholder: 'data', optional: true }],
    },
    flags: {
      data: optional(
        userPath,
        'captioned pictures: a folder, or a table (.jsonl, .csv, .tsv, .parquet) with image and text',
        'path',
      ),
      config: runFlags.config,
      ...layoutFlags,
      ...towerFlags,
      tune: choice(TUNES, 'what trains of trained towers (default heads)'),
      split: choice(['random', 'base'], 'how pairs are held out (default base)'),
      seed: optional(wholeNumber, 'seed of split, weights and order (default 0)', 'number'),
      backend: choice(
        BACKENDS,
        'compute engine (default onnxruntime); cpu is for comparison, it takes a quarter of an hour a step',
      ),
      steps: optional(wholeNumber, 'training steps instead of the recipe', 'number'),
      quick: toggle('a short run, for trying the path'),
      fresh: toggle('start a new run even if an interrupted one could go on'),
      runs: runFlags.runs,
      watch: {
        kind: 'boolean',
        brief: 'serve the training page meanwhile: live, with stop and resume',
        optional: true,
        withNegated: false,
      },
      port: optional(wholeNumber, 'of that page (default 8090, or a free one)', 'number'),
      dryRun: toggle('print what would be done and what it would take, from a few steps'),
      json: toggle('print the figures as JSON; progress goes to standard error'),
      name: optional(String, 'folder name of this run', 'name'),
    },
  },
  docs: about('Train on captioned pictures, evaluate, and make them searchable', {
    pictures: 'a folder: captions beside the pictures, in them, or their names',
    'pictures --watch': 'with a page that shows it live',
    'pairs.jsonl --dry-run': 'what it would do and take',
    'pairs.csv --image my/efficientnet --text my/minilm': 'heads on towers that lie here',
    'pictures --model openai/clip-vit-base-patch32 --tune lora': 'CLIP, changed a little inside',
  }),
});
