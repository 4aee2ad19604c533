// Loads the checkpoints that parity_full_vision.py wrote, runs the same inputs, and prints the differences as a table.
// Usage: node reference/parity_full_vision.mjs FOLDER [--backend onnxruntime|cpu] [NAME ...]
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inference } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import '@diptych/tfjs-backend-onnxruntime';
import { imageEncoderFromPretrained, ResNet, ViT } from '@diptych/vision';
import { openSafetensors } from '@diptych/weights/node';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { backend: { type: 'string', default: 'onnxruntime' } },
});
const [folder, ...only] = positionals;
if (!folder) throw new Error('usage: node reference/parity_full_vision.mjs FOLDER [--backend NAME] [NETWORK ...]');
await tf.setBackend(values.backend);
console.log(
  `backend ${tf.getBackend()}; differences are max|x - torch| / max|torch|, in parentheses torch's float32 against its float64`,
);
console.log(
  '| network | output | stages, worst | gradients: worst, median | train: output | statistics, worst | gradients: worst, median |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');

for (const name of readdirSync(folder).sort()) {
  if (only.length > 0 && !only.includes(name)) continue;
  const torchError = JSON.parse(readFileSync(join(folder, name, 'meta.json'), 'utf8')).relative_error;
  const expected = openSafetensors(join(folder, name, 'expected.safetensors'));
  const read = (key) => {
    const { data, shape } = expected.read(key);
    return tf.tensor(data, [...shape]);
  };
  const embedDim = expected.infos.get('eval.output').shape[1];
  const model = await imageEncoderFromPretrained(join(folder, name), { embedDim });
  const pixels = tf.tidy(() => tf.transpose(read('pixel_values'), [0, 2, 3, 1]));
  const errors = new Map();
  const check = (key, tensor) => {
    const wanted = expected.read(key).data;
    const got = tensor.dataSync();
    if (got.length !== wanted.length) throw new Error(`${name}: ${key} has ${got.length} values, not ${wanted.length}`);
    let worst = 0;
    let largest = 0;
    for (let i = 0; i < got.length; i++) {
      worst = Math.max(worst, Math.abs(got[i] - wanted[i]));
      largest = Math.max(largest, Math.abs(wanted[i]));
    }
    errors.set(key, worst / largest);
  };
  const toNCHW = (x) => (x.rank === 4 ? tf.transpose(x, [0, 3, 1, 2]) : x);

  tf.tidy(() => {
    check('eval.output', model.encode(pixels, inference).pooled);
    if (model instanceof ResNet) {
      for (const [stage, value] of Object.entries(model.stages(pixels, inference))) {
        check(`eval.${stage}`, toNCHW(value));
      }
    }
    if (model instanceof ViT) check('eval.norm', model.norm.forward(model.tokens(pixels, inference)));
  });
  const parameters = [...model.namedParameters()];
  const checkGradients = (prefix, context) =>
    tf.tidy(() => {
      const r = read('r');
      const { grads } = tf.variableGrads(
        () => tf.sum(tf.mul(model.encode(pixels, context).pooled, r)),
        parameters.map(([, variable]) => variable),
      );
      for (const [key, variable] of parameters) check(`${prefix}.${key}`, grads[variable.name]);
    });
  checkGradients('grad', inference);
  if (expected.infos.has('train.output')) {
    const random = randomStream(0, 0);
    const context = { training: true, random };
    const buffers = [...model.namedBuffers()];
    const before = buffers.map(([, buffer]) => tf.clone(buffer));
    checkGradients('train.grad', context);
    for (const [key, buffer] of buffers) check(`after.${key}`, buffer);
    for (const [index, [, buffer]] of buffers.entries()) buffer.assign(before[index]);
    tf.tidy(() => check('train.output', model.encode(pixels, context).pooled));
    tf.dispose([random.state, ...before]);
  }

  // A key's bias has a gradient of zero, which comes out as noise on both sides.
  const noise = /(k_proj|qkv|in_proj)[._]bias$/;
  const select = (pattern) => [...errors].filter(([key]) => pattern.test(key) && !noise.test(key));
  const show = (value, key) =>
    value === undefined ? '-' : `${value.toExponential(1)} (${torchError[key]?.toExponential(1) ?? '?'})`;
  const worstOf = (pattern) => {
    const [worst] = select(pattern).sort((a, b) => b[1] - a[1]);
    return worst ? show(worst[1], worst[0]) : '-';
  };
  const medianOf = (pattern) => {
    const found = select(pattern)
      .map(([, value]) => value)
      .sort((a, b) => a - b);
    return found.length > 0 ? found[found.length >> 1].toExponential(1) : '-';
  };
  console.log(
    `| ${name} | ${show(errors.get('eval.output'), 'eval.output')} | ${worstOf(/^eval\.(?!output)/)} ` +
      `| ${worstOf(/^grad\./)}, ${medianOf(/^grad\./)} | ${show(errors.get('train.output'), 'train.output')} ` +
      `| ${worstOf(/^after\./)} | ${worstOf(/^train\.grad\./)}, ${medianOf(/^train\.grad\./)} |`,
  );
  model.dispose();
  pixels.dispose();
}
