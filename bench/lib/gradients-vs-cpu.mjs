// A check, not a speed: the gradients of a whole training step at its real size against tfjs-backend-cpu's.
import './backend.mjs';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { BenchLoss, batchTensors, buildModel, makeBatch } from './dual-model.mjs';
import { line, median } from './statistics.mjs';

/** A contrastive loss needs two pairs; more only take longer. */
const PAIRS = 2;
/** A key's bias moves all scores of a row alike: its gradient is zero, and what both sides have is rounding. */
const ZERO = /attention\.self\.key\.bias$/;
/** ReLU and max pooling choose: where rounding turns a choice, a whole term of a gradient comes or goes. */
const KINKED = /^image_encoder\./;

/** Prints the lines of one size: with running statistics of batch norm, then with those of the batch. */
export async function compareGradients(size) {
  for (const training of [false, true]) {
    const ours = await gradients('onnxruntime', size, training);
    const theirs = await gradients('cpu', size, training);
    const compared = [...theirs]
      .filter(([path]) => !ZERO.test(path))
      .map(([path, g]) => compare(path, ours.get(path), g));
    const sum = (key) => compared.reduce((total, row) => total + row[key], 0);
    const relative = compared.map(({ difference, square }) => Math.sqrt(difference / square));
    const worst = compared[relative.indexOf(Math.max(...relative))];
    const smooth = relative.filter((_, i) => !KINKED.test(compared[i].path));
    const name = `${size}_gradients_vs_cpu${training ? '_batch_statistics' : ''}`;
    const against = 'tfjs-backend-cpu, relative L2';
    const together = line(name, 'all parameters', [Math.sqrt(sum('difference') / sum('square'))], { must: 1e-4 });
    const each = line(`${name}_worst`, 'one parameter', [Math.max(...relative)]);
    console.log(JSON.stringify({ ...together, n: compared.length, against }));
    const smoothLine = line(`${name}_without_image_tower`, 'one parameter', [Math.max(...smooth)], { must: 1e-4 });
    console.log(JSON.stringify({ ...smoothLine, n: smooth.length, against }));
    console.log(
      JSON.stringify({
        ...each,
        n: compared.length,
        against,
        worst: worst.path,
        median: median(relative),
        beyond: relative.filter((error) => error > 1e-4).length,
      }),
    );
  }
}

/** Gradients by path, on a model with the same weights for every backend. */
async function gradients(backend, size, training) {
  await tf.setBackend(backend);
  const model = buildModel(size, { dropout: 0 });
  const parameters = [...model.namedParameters()];
  const { grads } = tf.variableGrads(
    () => {
      const { pixels, text } = batchTensors(makeBatch({ size: PAIRS }));
      const context = { training, random: { state: tf.tensor1d([0, 0, 0], 'int32') } };
      return new BenchLoss().compute(model.forward(pixels, text, context)).loss;
    },
    parameters.map(([, variable]) => variable),
  );
  const found = new Map();
  for (const [path, variable] of parameters) {
    if (grads[variable.name]) found.set(path, (await grads[variable.name].data()).slice());
  }
  return found;
}

/** Squares of the expected values and of the differences from them. */
function compare(path, actual, expected) {
  let [difference, square] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    square += expected[i] ** 2;
  }
  return { path, difference, square };
}
