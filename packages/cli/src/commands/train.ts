import { buildCommand } from '@stricli/core';
import type { TrainFlags } from '../config/train-plan.js';
import { CAPTIONS } from '../data/open-data.js';
import { BACKENDS } from '../engine/backends.js';
import { TUNES } from '../job/towers/tower-names.js';
import { towerName, userPath } from '../terminal/user-path.js';
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
      data: {
        kind: 'parsed',
        parse: userPath,
        brief: 'captioned pictures: a folder, or a table (.jsonl, .csv, .tsv, .parquet) with image and text',
        placeholder: 'path',
        optional: true,
      },
      config: {
        kind: 'parsed',
        parse: userPath,
        brief: 'configuration; default: diptych.config.ts, .js or .json where the command runs',
        placeholder: 'file',
        optional: true,
      },
      captions: {
        kind: 'enum',
        values: CAPTIONS,
        brief: 'what of a .txt beside a picture is its caption (default lines: each)',
        optional: true,
      },
      image: {
        kind: 'parsed',
        parse: towerName,
        brief: 'image tower: a folder, a hub id, or scratch',
        placeholder: 'tower',
        optional: true,
      },
      text: {
        kind: 'parsed',
        parse: towerName,
        brief: 'text tower: a folder, a hub id, or scratch',
        placeholder: 'tower',
        optional: true,
      },
      model: {
        kind: 'parsed',
        parse: towerName,
        brief: 'a dual encoder (CLIP, SigLIP) in place of the two',
        placeholder: 'model',
        optional: true,
      },
      tune: { kind: 'enum', values: TUNES, brief: 'what trains of trained towers (default heads)', optional: true },
      split: {
        kind: 'enum',
        values: ['random', 'base'],
        brief: 'how pairs are held out (default base)',
        optional: true,
      },
      seed: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'seed of split, weights and order (default 0)',
        placeholder: 'number',
        optional: true,
      },
      backend: {
        kind: 'enum',
        values: BACKENDS,
        brief: 'compute engine (default onnxruntime); cpu is for comparison, it takes a quarter of an hour a step',
        optional: true,
      },
      steps: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'training steps instead of the recipe',
        placeholder: 'number',
        optional: true,
      },
      quick: { kind: 'boolean', brief: 'a short run, for trying the path', default: false, withNegated: false },
      fresh: {
        kind: 'boolean',
        brief: 'start a new run even if an interrupted one could go on',
        default: false,
        withNegated: false,
      },
      runs: {
        kind: 'parsed',
        parse: userPath,
        brief: 'where runs are kept (default runs)',
        placeholder: 'folder',
        optional: true,
      },
      dryRun: {
        kind: 'boolean',
        brief: 'print what would be done and what it would take, from a few steps',
        default: false,
        withNegated: false,
      },
      json: {
        kind: 'boolean',
        brief: 'print the figures as JSON; progress goes to standard error',
        default: false,
        withNegated: false,
      },
      name: { kind: 'parsed', parse: String, brief: 'folder name of this run', placeholder: 'name', optional: true },
    },
  },
  docs: {
    brief: 'Train on captioned pictures, evaluate, and make them searchable',
    customUsage: [
      { input: 'pictures', brief: 'a folder: captions beside the pictures, in them, or their names' },
      { input: 'pairs.jsonl --dry-run', brief: 'what it would do and take' },
      { input: 'pairs.csv --image my/efficientnet --text my/minilm', brief: 'heads on towers that lie here' },
      { input: 'pictures --model openai/clip-vit-base-patch32 --tune lora', brief: 'CLIP, changed a little inside' },
    ],
  },
});
