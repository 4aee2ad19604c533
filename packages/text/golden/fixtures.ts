import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TextInput } from '@diptych/core';
import { goldenBackends, goldenTensor } from '@diptych/testing/node';
import type { TensorCollection } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';

/** Every fixture is compared on each of these: tfjs's reference, and the engine. */
export const BACKENDS = goldenBackends();

/** The folder of a family that the repository adds: below DIPTYCH_GOLDEN where that has it, else the repository's copy. */
export function addedFamily(name: string): string {
  const own = resolve(import.meta.dirname, '../../../golden', name);
  const asked = process.env.DIPTYCH_GOLDEN && resolve(process.env.DIPTYCH_GOLDEN, name);
  return asked && existsSync(asked) ? asked : own;
}

/** Token ids, mask and, where there are any, segments. */
export function inputOf(file: TensorCollection): TextInput {
  return {
    inputIds: goldenTensor<tf.Tensor2D>(file, 'input_ids'),
    attentionMask: goldenTensor<tf.Tensor2D>(file, 'attention_mask'),
    tokenTypeIds: file.infos.has('token_type_ids') ? goldenTensor<tf.Tensor2D>(file, 'token_type_ids') : undefined,
  };
}

/** The gradients of sum(output * r) in every parameter, by the model's names. */
export function gradientsOf(
  parameters: Iterable<[string, tf.Variable]>,
  output: () => tf.Tensor,
  r: tf.Tensor,
): [string, tf.Tensor][] {
  const named = [...parameters];
  const { grads } = tf.variableGrads(
    () => tf.sum(tf.mul(output(), r)) as tf.Scalar,
    named.map(([, variable]) => variable),
  );
  return named.map(([name, variable]) => [name, grads[variable.name]!]);
}
