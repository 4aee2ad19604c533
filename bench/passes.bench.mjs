// What each rewrite of programs is worth: processor time of one thread with it and without, on a model where it matters.
import { inference } from '@diptych/core';
import { compile } from '@diptych/nn';
import { Bert } from '@diptych/text';
import { useOnnxRuntime } from '@diptych/tfjs-backend-onnxruntime';
import { ResNet } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { batchTensors, makeBatch } from './lib/dual-model.mjs';
import { line } from './lib/statistics.mjs';

const [ROUNDS, WARM_UP, REPEATS] = [2, 2, 4];
/** By this key the backend leaves passes out; no part of its public interface. */
const SKIPPED = Symbol.for('diptych.skippedPasses');

const training = { training: true, random: { state: tf.tensor1d([1, 2, 0], 'int32') } };
const bert = () => {
  const model = new Bert('all-MiniLM-L6-v2');
  model.bindPaths('text');
  return model;
};
const resnet = () => new ResNet('resnet18');

/** A compiled function and what it is called with: as an argument, or it would be a constant. */
const call = (fn, input) => {
  const compiled = compile(fn);
  return { run: () => compiled(input), dispose: () => compiled.dispose() };
};

const forward = (model, input) => call((x) => model.encode(x, inference).pooled, input);

/** Gradients of all parameters, and of the input where `ofInput`. */
function gradients(model, input, { ofInput = false } = {}) {
  const parameters = [...model.namedParameters()].map(([, variable]) => variable);
  const loss = (x) => tf.mean(tf.square(model.encode(x, training).pooled));
  return call((x) => {
    const { grads } = tf.variableGrads(() => loss(x), parameters);
    return ofInput ? [grads, tf.grad(loss)(x)] : grads;
  }, input);
}

const text = () => batchTensors(makeBatch()).text;
const pixels = () => batchTensors(makeBatch()).pixels;

/** Scores of attention as BERT has them, masked, to weights. */
function attentionWeights(softmax) {
  const scores = tf.randomNormal([8, 12, 128, 128]);
  return call((x) => softmax(tf.mul(x, 0.125)), scores);
}

function softmaxInParts(x) {
  const exponentials = tf.exp(tf.sub(x, tf.max(x, -1, true)));
  return tf.div(exponentials, tf.sum(exponentials, -1, true));
}

/**
 * A pass and the work that shows it, the same with and without. `fed`: with weights that are inputs, as while they change;
 * weights in the graph let ONNX Runtime's own optimizer find much of it.
 */
const pass = (name, work, { fed = false } = {}) => {
  const both = fed ? ['bakeWeights'] : [];
  return { work, without: work, both, skipped: [name] };
};

const CASES = {
  layer_norm: pass('fuseNormalization', () => gradients(bert(), text())),
  layer_norm_fed: pass('fuseNormalization', () => forward(bert(), text()), { fed: true }),
  first_token: pass('narrow', () => gradients(bert(), text())),
  first_token_forward: pass('narrow', () => forward(bert(), text())),
  gelu_fed: pass('fuseGelu', () => forward(bert(), text()), { fed: true }),
  softmax: {
    work: () => attentionWeights((x) => tf.softmax(x)),
    without: () => attentionWeights(softmaxInParts),
  },
  dropout_masks: pass('reuseActivations', () => gradients(bert(), text())),
  batch_norm_folding: pass('fuseChannelAffine', () => forward(resnet(), pixels())),
  batch_norm_folding_fed: pass('fuseChannelAffine', () => forward(resnet(), pixels()), { fed: true }),
  weights_in_the_graph: pass('bakeWeights', () => forward(resnet(), pixels())),
  layouts: pass('assignLayouts', () => gradients(resnet(), pixels())),
  layouts_fed: pass('assignLayouts', () => forward(resnet(), pixels()), { fed: true }),
  batch_norm_training: pass('fuseNormalization', () => gradients(resnet(), pixels())),
  batch_norm_gradients: pass('fuseChannelAffine', () => gradients(resnet(), pixels())),
  batch_norm_factors: pass('scaleFilters', () => gradients(resnet(), pixels())),
  padding_inside: pass('fuseWindows', () => gradients(resnet(), pixels())),
  unneeded_gradients: {
    work: () => gradients(resnet(), pixels()),
    without: () => gradients(resnet(), pixels(), { ofInput: true }),
  },
};

/** Processor seconds of each run. */
function timeOf(work, skipped) {
  useOnnxRuntime({ intraOpNumThreads: 1, [SKIPPED]: skipped });
  const { run, dispose } = work();
  const seconds = [];
  for (let i = -WARM_UP; i < REPEATS; i++) {
    const start = process.cpuUsage();
    const results = run();
    const { user, system } = process.cpuUsage(start);
    tf.dispose(results);
    if (i >= 0) seconds.push((user + system) / 1e6);
  }
  dispose();
  tf.disposeVariables();
  return seconds;
}

export default {
  names: Object.keys(CASES).map((name) => `pass_${name}`),
  rounds: 1,

  async measure() {
    const results = {};
    for (const [name, { work, without, both = [], skipped = [] }] of Object.entries(CASES)) {
      const sides = { with: [], without: [] };
      const measureWith = () => sides.with.push(...timeOf(work, both));
      const measureWithout = () => sides.without.push(...timeOf(without, [...both, ...skipped]));
      // neither side always comes first: a process is slower at its start
      for (let round = 0; round < ROUNDS; round++) {
        const turns = [measureWith, measureWithout];
        for (const measure of round % 2 ? turns.reverse() : turns) measure();
      }
      results[name] = sides;
    }
    return results;
  },

  lines: ({ ours: [results] }) =>
    Object.entries(results).map(([name, sides]) =>
      line(`pass_${name}`, 's of one thread', sides.with, { reference: sides.without, against: 'without it' }),
    ),
};
