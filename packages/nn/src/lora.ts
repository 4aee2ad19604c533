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
 * A low-rank change of a linear layer, `x A^T B^T * alpha / rank`: `A` is [rank, in], `B` [out, rank] and starts at zero, so
 * that nothing changes at first (Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models).
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
    this.B = parameter(tf.zeros([layer.outFeatures, rank]) as tf.Tensor2D);
    this.trainedBefore = { weight: layer.weight.trainable, bias: layer.bias?.trainable ?? false };
  }

  /** What is added to the layer's product: [N, in] -> [N, out]. */
  forward(rows: tf.Tensor2D): tf.Tensor2D {
    const narrow = tf.matMul(rows, this.A, false, true); // [N, rank]
    return tf.mul(tf.matMul(narrow, this.B, false, true), this.scale);
  }

  /** The same as a change of the weight, [out, in]. */
  delta(): tf.Tensor2D {
    return tf.mul(tf.matMul(this.B, this.A), this.scale);
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
 * Folds every adapter into its layer's weight and removes it: the model computes the same (up to float32's rounding of the
 * sum) at its old speed, under its old state names, and its weights train again if they did before.
 *
 * @returns the paths of the layers
 */
export function mergeLora(model: Module): string[] {
  return takeOff(model, (layer, adapter) => {
    tf.tidy(() => layer.weight.assign(tf.add(layer.weight, adapter.delta()) as tf.Tensor2D));
  });
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
  const adapted = linearLayers(model).filter(([, layer]) => layer.lora);
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
