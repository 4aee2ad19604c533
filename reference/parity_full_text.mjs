// The side of diptych in reference/parity_full_text.py: loads a checkpoint that transformers saved, writes what it computes and
// the weights themselves. node parity_full_text.mjs bert|clip FOLDER NAMES_OF_GRADIENTS
import { join } from 'node:path';
import '@diptych/tfjs-backend-onnxruntime';
import { Bert, ClipText } from '@diptych/text';
import { stateDict } from '@diptych/weights';
import { openSafetensors, writeSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';

const [kind, folder, names] = process.argv.slice(2);
await tf.setBackend('onnxruntime');
const inputs = openSafetensors(join(folder, 'inputs.safetensors'));
const tensor = (name) => {
  const { data, shape, dtype } = inputs.read(name);
  return tf.tensor(data, shape, dtype);
};

const start = performance.now();
const model =
  kind === 'bert' ? await Bert.fromPretrained(folder, { pooling: 'pooler' }) : await ClipText.fromPretrained(folder);
const loadSeconds = Number(((performance.now() - start) / 1000).toFixed(2));

const parameters = new Map(model.namedParameters());
const shown = names.split(',');
const results = tf.tidy(() => {
  const input = { inputIds: tensor('input_ids'), attentionMask: tensor('attention_mask') };
  const encode = () => model.encode(input, { training: false });
  const { pooled, sequence } = encode();
  const variables = shown.map((name) => parameters.get(name));
  const { grads } = tf.variableGrads(() => tf.sum(tf.mul(encode().pooled, tensor('r'))), variables);
  const all = { pooled, sequence };
  for (const [i, name] of shown.entries()) all[`grad.${name}`] = grads[variables[i].name];
  return new Map(
    Object.entries(all).map(([name, value]) => [
      name,
      { dtype: 'float32', shape: value.shape, data: value.dataSync().slice() },
    ]),
  );
});
await writeSafetensors(join(folder, 'results.safetensors'), results);
await writeSafetensors(join(folder, 'saved.safetensors'), await stateDict(model));
console.log(JSON.stringify({ loadSeconds, tensors: parameters.size }));
