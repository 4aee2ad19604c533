import type { Context, TowerOutputs } from '@diptych/core';
import { aroundCalls, Module } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { type DeviceBatch, normalizedPixels, textOf } from '../../batches/device-batch.js';
import { lossOf } from './batch-loss.js';
import { differentiate } from './differentiate.js';
import { withStatistics } from './running-statistics.js';
import type { StepParts } from './step-parts.js';

/**
 * Finds the first tensor of a step that is not finite, by running the step once more without compiling it: parameters,
 * pixels, the output of each module in the order of computation, towers, parts of the loss, gradients. Parameters and
 * running statistics are left as they were.
 *
 * @returns its name, e.g. `image.layer3.0.bn2` or `gradient of fusion.in_proj_weight`; undefined if all is finite
 */
export function firstNonFinite<Outputs extends TowerOutputs>(
  parts: StepParts<Outputs>,
  batch: DeviceBatch,
  state: tf.Tensor1D,
): string | undefined {
  return tf.tidy(() => {
    for (const [name, variable] of [...parts.parameters, ...parts.buffers]) if (!allFinite(variable)) return name;
    const pixels = normalizedPixels(batch);
    if (!allFinite(pixels)) return 'pixels';
    const watch = new ModuleWatch(parts.model);
    try {
      return withStatistics(parts.buffers, () => firstInStep(parts, batch, pixels, state, watch)).result;
    } finally {
      watch.stop();
    }
  });
}

function firstInStep<Outputs extends TowerOutputs>(
  parts: StepParts<Outputs>,
  batch: DeviceBatch,
  pixels: tf.Tensor4D,
  state: tf.Tensor1D,
  watch: ModuleWatch,
): string | undefined {
  const context: Context = { training: true, random: { state } };
  const { loss, lossParts, gradients } = differentiate(parts, () => {
    const image = parts.model.encodeImage(pixels, context);
    watch.check('image embedding', image.pooled);
    const text = parts.model.encodeText(textOf(batch), context);
    watch.check('text embedding', text.pooled);
    return lossOf(parts, image, text, batch, context);
  });
  for (const [name, part] of Object.entries(lossParts)) watch.check(`loss part ${name}`, part);
  watch.check('loss', loss);
  for (const [i, gradient] of gradients.entries()) {
    if (gradient) watch.check(`gradient of ${parts.parameters[i]![0]}`, gradient);
  }
  return watch.first;
}

/** Looks at what each module's `forward` returns, while it is on. */
class ModuleWatch {
  first: string | undefined;
  readonly #undo: (() => void)[];

  constructor(model: object) {
    const modules = model instanceof Module ? [...model.namedModules()] : [];
    this.#undo = modules.map(([name, module]) =>
      aroundCalls(module, 'forward', (forward, args) => {
        const result = forward(...args);
        if (name !== '' && result instanceof tf.Tensor) this.check(name, result);
        return result;
      }),
    );
  }

  check(name: string, tensor: tf.Tensor): void {
    if (this.first === undefined && !allFinite(tensor)) this.first = name;
  }

  stop(): void {
    for (const one of this.#undo.reverse()) one();
  }
}

function allFinite(tensor: tf.Tensor): boolean {
  return tf.tidy(() => tensor.dtype !== 'float32' || tf.min(tf.cast(tf.isFinite(tensor), 'int32')).dataSync()[0] === 1);
}
