import { ConfigError, checkFields, checkList, checkShape, type FusedOutputs, type TowerOutputs } from '@diptych/core';
import type * as tf from '@tensorflow/tfjs-core';

/**
 * What a model's heads say of each pair, [B, C] by name. The pairs are fused once, and only if a head reads the joint vector.
 *
 * @throws ConfigError if a head reads the joint vector of a model without fusion
 */
export function predictionsOf(
  outputs: Pick<TowerOutputs, 'image' | 'text' | 'heads'>,
  names: readonly string[] = Object.keys(outputs?.heads ?? {}),
): Record<string, tf.Tensor> {
  checkFields('train.predictionsOf', "a model's outputs", outputs, []);
  checkList('train.predictionsOf', 'the names', names);
  let fused: tf.Tensor2D | undefined;
  const joint = (name: string): tf.Tensor2D => {
    if ('fuse' in outputs) {
      fused ??= (outputs as FusedOutputs).fuse().fused;
      return fused;
    }
    throw new ConfigError({
      where: `train.heads: ${name}`,
      problem: 'this head reads the joint vector, and the model has no fusion',
      remedy: "build the model with a fusion, or the head with on: 'image' or on: 'text'",
    });
  };
  return Object.fromEntries(
    names.map((name) => {
      const head = outputs.heads![name]!;
      const vectors = head.on === 'fused' ? joint(name) : outputs[head.on].pooled;
      const predictions = head.forward(vectors);
      checkShape(`train.heads: ${name}`, 'predictions', predictions, [vectors.shape[0], 'C']);
      return [name, predictions];
    }),
  );
}
