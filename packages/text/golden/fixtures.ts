import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import type { TextInput } from '@diptych/core';
import { goldenBackends, goldenTensor } from '@diptych/testing/node';
import type { TensorCollection } from '@diptych/weights';
import type * as tf from '@tensorflow/tfjs-core';

/** Every fixture is compared on each of these: tfjs's reference, and the engine. */
export const BACKENDS = goldenBackends();

/** Token ids, mask and, where there are any, segments. */
export function inputOf(file: TensorCollection): TextInput {
  return {
    inputIds: goldenTensor<tf.Tensor2D>(file, 'input_ids'),
    attentionMask: goldenTensor<tf.Tensor2D>(file, 'attention_mask'),
    tokenTypeIds: file.infos.has('token_type_ids') ? goldenTensor<tf.Tensor2D>(file, 'token_type_ids') : undefined,
  };
}
