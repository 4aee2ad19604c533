import { checkOptions, type Fusion, type ImageEncoder, type OptionNames, type TextEncoder } from '@diptych/core';
import type { BatchSource } from '../batches/batch-source.js';
import { checkSource, checkTowers } from '../check-model.js';
import { type Evaluation, evaluate } from '../evaluate/evaluate.js';
import { withTowers } from '../frozen/feature-heads.js';
import { MultiModalEncoder, type MultiModalEncoderOptions, type OutputsOf } from '../multi-modal-encoder.js';
import type { FitOptions, FitResult, TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { type CacheFeaturesOptions, cacheFeatures } from './cache-features.js';

/** Options of {@link trainHeads}. */
export interface TrainHeadsOptions<F extends Fusion | undefined = undefined> {
  /** Width of the joint space, and of `model.fusion` and `model.heads` where there are some. */
  readonly embedDim: number;
  /** Where the towers' features are kept, and what they depend on. */
  readonly cache: CacheFeaturesOptions;
  /** What stands on the two heads: `fusion`, `matcher`, `heads`, `logitScale`, … */
  readonly model?: Omit<MultiModalEncoderOptions<F>, 'image' | 'text'>;
  /** How the heads train; its `loss` at least. */
  readonly trainer: TrainerOptions<OutputsOf<F>>;
  /** How long, with what around it. */
  readonly fit: FitOptions;
  /** Default 256, or all pairs where there are fewer. */
  readonly batchSize?: number;
  /** Pairs that the whole is evaluated on afterwards, from pictures and texts. */
  readonly heldOut?: BatchSource;
  /** Of the heads' first weights and the order of the batches. Default 0. */
  readonly seed?: number;
}

/** What {@link trainHeads} gives. */
export interface TrainedHeads<F extends Fusion | undefined = undefined> {
  /** Pictures and texts in: the towers with their heads, and the fusion, matcher, heads and scale that were trained. */
  readonly model: MultiModalEncoder<F>;
  readonly fit: FitResult;
  /** On `heldOut`, where that is given. */
  readonly evaluation: Evaluation | undefined;
}

const OPTIONS: OptionNames<TrainHeadsOptions<Fusion | undefined>> = {
  embedDim: 'required',
  cache: 'required',
  trainer: 'required',
  fit: 'required',
  model: 'optional',
  batchSize: 'optional',
  heldOut: 'optional',
  seed: 'optional',
};

/**
 * Trains linear heads, and what stands on them, on top of two frozen towers: the towers run once over the data, their features are
 * kept in a file, the heads train on them at the speed of a matrix product, and the whole comes back as one model, to be evaluated,
 * saved and loaded like any other.
 *
 * @param source every row once in its order, without augmentation
 * @throws InputError if the source is empty
 */
export async function trainHeads<F extends Fusion | undefined = undefined>(
  towers: { readonly image: ImageEncoder; readonly text: TextEncoder },
  source: BatchSource,
  options: TrainHeadsOptions<F>,
): Promise<TrainedHeads<F>> {
  checkTowers('train.trainHeads', towers);
  checkSource('train.trainHeads', source);
  checkOptions<TrainHeadsOptions<Fusion | undefined>>('train.trainHeads', options as never, OPTIONS);
  const { embedDim, seed = 0, heldOut } = options;
  const features = await cacheFeatures(towers, source, options.cache);
  const trained = new MultiModalEncoder<F>({
    seed,
    ...options.model,
    image: features.imageHead({ embedDim, seed }),
    text: features.textHead({ embedDim, seed }),
  });
  const trainer = new Trainer(trained, { seed, ...options.trainer });
  try {
    const { batchSize = Math.min(256, features.ids.length) } = options;
    const fit = await trainer.fit(features.source({ batchSize, seed }), options.fit);
    const model = withTowers(trained, towers);
    return { model, fit, evaluation: heldOut && (await evaluate(model, heldOut)) };
  } finally {
    trainer.dispose();
  }
}
