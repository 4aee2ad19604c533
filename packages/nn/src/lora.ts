import { ConfigError, checkMethods, checkOptions, type OptionNames } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { generatorOf, type RandomWeights } from './generator.js';
import { Linear } from './linear.js';
import { LoraAdapter } from './lora-adapter.js';
import type { Module } from './module.js';
import { choose, type ParameterPattern } from './parameter-pattern.js';

/** Options of {@link addLora}. */
export interface LoraOptions extends RandomWeights {
  /** Rank of the change, default 8. */
  readonly rank?: number;
  /** The change is scaled by alpha / rank; default 16. */
  readonly alpha?: number;
}

const OPTIONS: OptionNames<LoraOptions> = {
  rank: 'optional',
  alpha: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * Puts a trainable low-rank change on linear layers and freezes their own weight and bias. The rest of the model stays as
 * it is: `freeze(model, '**')` first trains the adapters alone. State names keep their places; the adapters add
 * `LAYER.lora.A` and `LAYER.lora.B`.
 *
 * @param pattern paths of Linear layers, or of modules around them: `encoder.layer.*.attention.self`
 * @returns the paths of the layers
 * @throws ConfigError if a pattern matches no linear layer, a layer has an adapter already, or the rank is too large
 */
export function addLora(model: Module, pattern: ParameterPattern, options: LoraOptions = {}): string[] {
  checkOptions('nn.addLora', options, OPTIONS);
  const { rank = 8, alpha = 16 } = options;
  const chosen = choose('nn.addLora', "model's linear layers", linearLayers(model), pattern);
  for (const [path, layer] of chosen) checkLayer(path, layer, rank);
  // two towers of one kind have layers of the same paths: where the model is told apart, so are the adapters' first weights
  const generator = generatorOf(options, `nn/lora ${model.knownPath ?? ''}`);
  for (const [, layer] of chosen) {
    layer.lora = new LoraAdapter(layer, rank, alpha, generator);
    layer.weight.trainable = false;
    if (layer.bias) layer.bias.trainable = false;
  }
  return chosen.map(([path]) => path);
}

/**
 * Folds every adapter into its layer's weight and removes it, under the old state names; the weights train again if they
 * did before, and what they were is gone ({@link withMergedLora} brings it back).
 *
 * The model computes exactly the same, since an adapted layer multiplies with the merged weight too: bit for bit where a
 * backend runs an operator the same way each time, as tfjs-backend-cpu does, and within float32's rounding of
 * `B A * scale` where it runs small operators in other ways than large ones, as the onnxruntime backend does.
 *
 * @returns the paths of the layers
 */
export function mergeLora(model: Module): string[] {
  return removeAdapters(model, (layer, adapter) => {
    tf.tidy(() => layer.weight.assign(adapter.merged(layer.weight)));
  });
}

/**
 * Runs something with every adapter merged and taken off, under the state names that the model has without adapters:
 * to save or measure, between two stretches of training, what {@link mergeLora} would leave. Afterwards adapters and
 * weights are again, bit for bit, what they were; a copy of the adapted layers' weights is kept for that.
 *
 * Functions compiled before go on giving the right values inside; one compiled inside does not know the adapters and
 * must be compiled again afterwards.
 *
 * @param run what to run; where it returns a promise, the adapters come back when that settles
 * @returns what `run` returns
 */
export function withMergedLora<T>(model: Module, run: () => T): T {
  const restores = adaptedLayers(model).map(([, layer]) => mergeForNow(layer));
  const restore = () => {
    for (const one of restores) one();
  };
  let result: T;
  try {
    result = run();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as T;
  restore();
  return result;
}

/** @returns what undoes it */
function mergeForNow(layer: Linear): () => void {
  const adapter = layer.lora!;
  const { B } = adapter;
  // copies with memory of their own, whatever a backend does with the variable's
  const [base, learned] = [layer.weight, B].map((variable) => tf.mul(variable, 1)) as [tf.Tensor2D, tf.Tensor2D];
  tf.keep(base);
  tf.keep(learned);
  tf.tidy(() => layer.weight.assign(adapter.merged(layer.weight)));
  // functions compiled before still add the adapter's change: it is nothing now
  tf.tidy(() => B.assign(tf.zerosLike(B)));
  layer.lora = undefined;
  return () => {
    layer.weight.assign(base);
    B.assign(learned);
    layer.lora = adapter;
    tf.dispose([base, learned]);
  };
}

/**
 * Removes every adapter and forgets what it learned: the weights are again, bit for bit, what they were.
 *
 * @returns the paths of the layers
 */
export function removeLora(model: Module): string[] {
  return removeAdapters(model, () => {});
}

function removeAdapters(model: Module, settle: (layer: Linear, adapter: LoraAdapter) => void): string[] {
  const adapted = adaptedLayers(model);
  for (const [, layer] of adapted) {
    const adapter = layer.lora!;
    settle(layer, adapter);
    layer.weight.trainable = adapter.trainedBefore.weight;
    if (layer.bias) layer.bias.trainable = adapter.trainedBefore.bias;
    layer.lora = undefined;
    adapter.dispose();
  }
  return adapted.map(([path]) => path);
}

function linearLayers(model: Module): [string, Linear][] {
  checkMethods('nn.addLora', model, ['namedModules'], 'LoRA is for a Module of nn');
  return [...model.namedModules()].filter((entry): entry is [string, Linear] => entry[1] instanceof Linear);
}

function adaptedLayers(model: Module): [string, Linear][] {
  return linearLayers(model).filter(([, layer]) => layer.lora);
}

function checkLayer(path: string, layer: Linear, rank: number): void {
  const most = Math.min(layer.inFeatures, layer.outFeatures);
  if (layer.lora) {
    throw new ConfigError({
      where: `nn.addLora: ${path}`,
      problem: 'this layer has an adapter already',
      remedy: 'mergeLora(model) or removeLora(model) first',
    });
  }
  if (Number.isInteger(rank) && rank >= 1 && rank <= most) return;
  throw new ConfigError({ where: `nn.addLora: ${path}`, expected: `a rank of 1 to ${most}`, got: String(rank) });
}
