import { ConfigError } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Generator, generatorOf, type RandomWeights } from './generator.js';
import { kaimingUniform } from './init.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import { parameter } from './parameter.js';
import { matchesPattern, type ParameterPattern, patternsOf } from './parameter-pattern.js';

/** Options of {@link addLora}. */
export interface LoraOptions extends RandomWeights {
  /** Rank of the change, default 8. */
  readonly rank?: number;
  /** The change is scaled by alpha / rank; default 16. */
  readonly alpha?: number;
}

/**
 * A low-rank change of a linear layer's weight, `B A * alpha / rank`: `A` is [rank, in], `B` [out, rank] and starts at
 * zero, so that nothing changes at first (Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models).
 */
export class LoraAdapter extends Module {
  readonly A: tf.Variable<tf.Rank.R2>;
  readonly B: tf.Variable<tf.Rank.R2>;
  readonly scale: number;
  /** Whether weight and bias of the layer trained before the adapter came. */
  readonly trainedBefore: { readonly weight: boolean; readonly bias: boolean };

  constructor(layer: Linear, rank: number, alpha: number, generator: Generator) {
    super();
    this.scale = alpha / rank;
    this.A = parameter(kaimingUniform([rank, layer.inFeatures], generator) as tf.Tensor2D);
    this.B = parameter(tf.zeros([layer.outFeatures, rank]));
    this.trainedBefore = { weight: layer.weight.trainable, bias: layer.bias?.trainable ?? false };
  }

  /** The change of the weight, [out, in]. */
  delta(): tf.Tensor2D {
    return tf.mul(tf.matMul(this.B, this.A), this.scale);
  }

  /** The weight that the layer computes with, and that merging leaves behind: [out, in]. */
  merged(weight: tf.Tensor2D): tf.Tensor2D {
    return tf.add(weight, this.delta());
  }

  /**
   * The layer's product with the changed weight, [N, in] -> [N, out]. Forward it is the product that a merged layer
   * computes, operator by operator, so that merging changes nothing. Backward it never forms a gradient of the size of
   * the weight, which is what makes low-rank training cheap; the weight gets one only where it trains too.
   */
  product(rows: tf.Tensor2D, weight: tf.Variable<tf.Rank.R2>): tf.Tensor2D {
    const trains = weight.trainable;
    const product = tf.customGrad((...args) => {
      const [x, A, B] = args as unknown as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      const save = args.at(-1) as unknown as tf.GradSaveFunc;
      save([x, A, B]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const gradients = this.#gradients(dy as tf.Tensor2D, saved, weight);
        return trains ? [...gradients, tf.matMul(dy, x, true)] : gradients;
      };
      return { value: tf.matMul(x, this.merged(weight), false, true), gradFunc };
    });
    return product(rows, this.A, this.B, ...(trains ? [weight] : [])) as tf.Tensor2D;
  }

  /** Of rows, A and B. */
  #gradients(dy: tf.Tensor2D, saved: tf.Tensor[], weight: tf.Tensor2D): tf.Tensor[] {
    const [x, A, B] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    const dNarrow = tf.mul(tf.matMul(dy, B), this.scale); // [N, rank]
    const narrow = tf.mul(tf.matMul(x, A, false, true), this.scale);
    return [
      tf.add(tf.matMul(dy, weight), tf.matMul(dNarrow, A)),
      tf.matMul(dNarrow, x, true),
      tf.matMul(dy, narrow, true),
    ];
  }
}

/**
 * Puts a trainable low-rank change on linear layers and freezes their own weight and bias. The rest of the model stays as
 * it is: `freeze(/./, model)` first trains the adapters alone. State names keep their places; the adapters add
 * `LAYER.lora.A` and `LAYER.lora.B`.
 *
 * @param pattern paths of Linear layers, or of modules around them: `encoder.layer.*.attention.self`
 * @returns the paths of the layers
 * @throws ConfigError if a pattern matches no linear layer, a layer has an adapter already, or the rank is too large
 */
export function addLora(pattern: ParameterPattern, model: Module, options: LoraOptions = {}): string[] {
  const { rank = 8, alpha = 16 } = options;
  const layers = linearLayers(model);
  const patterns = patternsOf(pattern);
  const idle = patterns.find((one) => !layers.some(([path]) => matchesPattern(path, one)));
  if (idle !== undefined) {
    throw new ConfigError({
      where: 'nn.addLora',
      expected: `a pattern of the model's linear layers (${layers.map(([path]) => path).slice(0, 5)}, …)`,
      got: String(idle),
    });
  }
  const chosen = layers.filter(([path]) => patterns.some((one) => matchesPattern(path, one)));
  for (const [path, layer] of chosen) checkLayer(path, layer, rank);
  const generator = generatorOf(options);
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
  return takeOff(model, (layer, adapter) => {
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
  return takeOff(model, () => {});
}

function takeOff(model: Module, settle: (layer: Linear, adapter: LoraAdapter) => void): string[] {
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
