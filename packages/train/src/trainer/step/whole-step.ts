import type { Context, TowerOutputs } from '@diptych/core';
import { compile } from '@diptych/nn';
import type * as tf from '@tensorflow/tfjs-core';
import { type DeviceBatch, normalizedPixels, textOf } from '../../batches/device-batch.js';
import { lossOf } from './batch-loss.js';
import { differentiate } from './differentiate.js';
import { withStatistics } from './running-statistics.js';
import type { StepParts } from './step-parts.js';
import { applyGradients, type BatchGradients, type TrainingStep } from './training-step.js';

/** A step that takes the whole batch at once, as one compiled function. */
export function wholeStep<Outputs extends TowerOutputs>(parts: StepParts<Outputs>): TrainingStep {
  const { precision } = parts;
  return compile((batch, hyper, state) => applyGradients(parts, batchGradients(parts, batch, state), hyper), {
    precision,
  });
}

/** Towers, loss, and back. */
function batchGradients<Outputs extends TowerOutputs>(
  parts: StepParts<Outputs>,
  batch: DeviceBatch,
  state: tf.Tensor1D,
): BatchGradients {
  const { model, buffers } = parts;
  const context: Context = { training: true, random: { state } };
  const { result, statistics } = withStatistics(buffers, () =>
    differentiate(parts, () => {
      const image = model.encodeImage(normalizedPixels(batch), context);
      const text = model.encodeText(textOf(batch), context);
      return lossOf(parts, image, text, batch, context);
    }),
  );
  return { ...result, statistics };
}
