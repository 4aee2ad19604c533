// A bench of inference through a compiled function, against PyTorch and whatever else a bench adds.
import './backend.mjs';
import { inference } from '@diptych/core';
import { compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { timed } from './samples.mjs';

/** Seconds of `model.encode(input).<output>` compiled, values read each time; `loss` is its mean square. */
export async function measureForward(model, input, { output, repeats, warmUp = 2 }) {
  const forward = compile((x) => model.encode(x, inference)[output]);
  const run = async () => {
    const result = forward(input);
    const values = await result.data();
    result.dispose();
    return values;
  };
  const values = await run();
  const loss = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  const seconds = await timed(run, { repeats, warmUp });
  forward.dispose();
  return { seconds, loss };
}

/** The first `rows` of a batch of pictures. */
export function firstRows(pixels, rows) {
  return tf.tidy(() => tf.slice(pixels, 0, rows));
}
