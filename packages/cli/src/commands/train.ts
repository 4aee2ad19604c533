import { buildCommand } from '@stricli/core';
import type { TrainFlags } from '../config/train-plan.js';
import { BACKENDS } from '../engine/backends.js';
import { userPath } from '../terminal/user-path.js';
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
        brief: 'own pairs: JSONL with {"image": path, "text": caption} a line',
        placeholder: 'file',
        optional: true,
      },
      config: {
        kind: 'parsed',
        parse: userPath,
        brief: 'configuration; default: diptych.config.ts, .js or .json where the command runs',
        placeholder: 'file',
        optional: true,
      },
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
      name: { kind: 'parsed', parse: String, brief: 'folder name of this run', placeholder: 'name', optional: true },
    },
  },
  docs: {
    brief: 'Train on captioned pictures, evaluate, and make them searchable',
    customUsage: [
      { input: '--data pairs.jsonl', brief: 'own pairs' },
      { input: '--data pairs.jsonl --quick', brief: 'a short run first' },
    ],
  },
});
