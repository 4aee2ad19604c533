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
/** ReLU chooses: where rounding turns a choice, a whole term of a gradient comes or goes. */
const KINKED = /^image\./;
const MUST = 1e-4;

/**
 * Prints the lines of one size: with running statistics of batch norm, then with those of the batch; then both with
 * swish in ReLU's place. There every tensor has to agree: what is left is what the other kernels do.
 */
export async function compareGradients(size) {
  await compareBothModes(`${size}_gradients_vs_cpu`, size, KINKED);
  smoothRelu();
  await compareBothModes(`${size}_gradients_vs_cpu_swish`, size);
}

/** @param kinked parameters that a line of its own leaves out */
async function compareBothModes(name, size, kinked) {
  for (const training of [false, true]) {
    const ours = await gradients('onnxruntime', size, training);
    const theirs = await gradients('cpu', size, training);
    const compared = [...theirs]
      .filter(([path]) => !ZERO.test(path))
      .map(([path, g]) => compare(path, ours.get(path), g));
    report(training ? `${name}_batch_statistics` : name, compared, kinked);
  }
}

function report(name, compared, kinked) {
  const print = (part, unit, rows, value, extra) => {
    const against = 'tfjs-backend-cpu, relative L2';
    console.log(
      JSON.stringify({ ...line(name + part, unit, [value], { must: MUST }), n: rows.length, against, ...extra }),
    );
  };
  const printEach = (part, rows) => {
    const errors = rows.map(({ difference, square }) => Math.sqrt(difference / square));
    const worst = Math.max(...errors);
    print(part, 'one parameter', rows, worst, {
      worst: rows[errors.indexOf(worst)].path,
      median: median(errors),
      beyond: errors.filter((error) => error > MUST).length,
    });
  };
  const sum = (key) => compared.reduce((total, row) => total + row[key], 0);
  print('', 'all parameters', compared, Math.sqrt(sum('difference') / sum('square')));
  if (kinked) {
    printEach(
      '_without_image_tower',
      compared.filter(({ path }) => !kinked.test(path)),
    );
  }
  printEach('_worst', compared);
}

/** Swish (x * sigmoid(x)) for ReLU on both backends: near it in shape, but without a kink. */
function smoothRelu() {
  for (const backendName of ['cpu', 'onnxruntime']) {
    tf.unregisterKernel('Relu', backendName);
    const kernelFunc = ({ inputs: { x } }) => tf.mul(x, tf.sigmoid(x));
    tf.registerKernel({ kernelName: 'Relu', backendName, kernelFunc });
  }
  tf.registerGradient({
    kernelName: 'Relu',
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({
      x: () => {
        const s = tf.sigmoid(x);
        return tf.mul(dy, tf.mul(s, tf.add(1, tf.mul(x, tf.sub(1, s)))));
      },
    }),
  });
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
