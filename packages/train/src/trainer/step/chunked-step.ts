import type { TowerOutputs } from '@diptych/core';
import { tidyNested } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { chunksOf, concatEncoded, rowsOf, sliceGradient } from './chunks.js';
import { meanStatistics } from './running-statistics.js';
import type { StepParts } from './step-parts.js';
import type { TrainingStep } from './training-step.js';
import { twoPasses } from './two-passes.js';

/**
 * A step in little memory that equals the step on the whole batch: GradCache (Gao et al. 2021).
 *
 * 1. Both towers on one chunk after the other, keeping their outputs alone.
 * 2. The loss on all outputs, and its gradients with respect to them and to the parameters behind the towers.
 * 3. The towers once more, chunk by chunk, with these gradients at their outputs, summing up the parameters'.
 *
 * Dropout draws by the row's number in the whole batch, so passes 1 and 3 and the whole batch have the same masks. Batch
 * norm in training sees chunks instead of the batch, which no accumulation can mend; its running statistics move
 * once a step, by the mean over the chunks.
 */
export function chunkedStep<Outputs extends TowerOutputs>(parts: StepParts<Outputs>, chunkSize: number): TrainingStep {
  const { encode, relate, accumulate, apply, dispose } = twoPasses(parts);
  // Whether the loss reads sequences shows when it first runs; from then on they are kept or not.
  let sequences = true;
  const run: (...args: Parameters<TrainingStep>) => ReturnType<TrainingStep> = (batch, hyper, state) =>
    tidyNested(() => {
      const chunks = chunksOf(batch, chunkSize).map(({ chunk, start, rows }) => {
        const offset = tf.tensor1d(Int32Array.of(0, 0, start), 'int32');
        return { chunk, start, rows, state: tf.add<tf.Tensor1D>(state, offset) };
      });
      const encoded = chunks.map(({ chunk, state }) => encode(chunk, state, sequences));
      const pair = {
        image: concatEncoded(encoded.flatMap(({ image }) => image ?? [])),
        text: concatEncoded(encoded.flatMap(({ text }) => text ?? [])),
      };
      const { loss, lossParts, connected, image, text } = relate(pair, batch, state);
      sequences = Boolean(image.sequence ?? text.sequence);
      const all = new Set(connected);
      for (const { chunk, start, state } of chunks) {
        const outer = {
          image: sliceGradient(image, start, rowsOf(chunk.images?.pixels)),
          text: sliceGradient(text, start, rowsOf(chunk.texts?.inputIds)),
        };
        for (const i of accumulate(chunk, outer, state)) all.add(i);
      }
      const statistics = meanStatistics(chunks.map(({ rows }, i) => ({ rows, statistics: encoded[i]!.statistics })));
      return apply({ loss, lossParts, connected: [...all].sort((a, b) => a - b), statistics }, hyper);
    });
  return Object.assign(run, { dispose });
}
