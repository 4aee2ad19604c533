import { ShapeError } from '@diptych/core';
import type { Recorder, RecorderTable } from '../recorder.js';

/**
 * Kernel `PhiloxUniform`: float32 of `shape`, uniform in [0,1), by Philox 4x32-10 (Salmon et al. 2011).
 * Input `state`: int32 [3] = (seed, step, rowOffset); attribute `site`: uint32.
 */
const PhiloxUniform: Recorder = (b, { state }, attrs) => {
  const shape = attrs.shape as number[];
  if (state!.dtype !== 'int32' || state!.shape.length !== 1 || state!.shape[0] !== 3) {
    throw new ShapeError({
      where: 'PhiloxUniform',
      expected: 'state int32 [3] = (seed, step, rowOffset)',
      got: `${state!.dtype} [${state!.shape}]`,
    });
  }
  return b.record('PhiloxUniform', { state: state! }, { shape, site: attrs.site as number }, shape, 'float32');
};

/** The shape that each input of the kernel `AdamW` has, where that is not its parameter's. */
const ADAMW_SCALARS = ['learningRate', 'weightDecay', 'step'];

/**
 * Kernel `AdamW`: the update of `torch.optim.AdamW` (Loshchilov and Hutter 2019) for one parameter. Inputs `parameter`, `gradient`,
 * `expAvg`, `expAvgSq`, and scalars `learningRate`, `weightDecay` and `step` (from 1); attributes `beta1`, `beta2`, `eps`.
 * Outputs: parameter, expAvg and expAvgSq after the update.
 */
const AdamW: Recorder = (b, inputs, { beta1, beta2, eps }) => {
  const shape = inputs.parameter!.shape;
  const like = ['gradient', 'expAvg', 'expAvgSq'];
  for (const name of [...like, ...ADAMW_SCALARS]) {
    const expected = like.includes(name) ? shape : [];
    const got = inputs[name];
    if (got?.shape.join() === expected.join() && got.shape.length === expected.length) continue;
    throw new ShapeError({
      where: `AdamW.${name}`,
      expected: `shape [${expected}]${like.includes(name) ? ' of its parameter' : ''}`,
      got: got ? `[${got.shape}]` : 'nothing',
    });
  }
  const ordered = Object.fromEntries(['parameter', ...like, ...ADAMW_SCALARS].map((name) => [name, inputs[name]!]));
  const types = [0, 1, 2].map(() => ({ shape, dtype: 'float32' as const }));
  return b.recordMany('AdamW', ordered, { beta1, beta2, eps }, types);
};

/** Kernel `SumsOfSquares`: of a list of n float32 tensors the sum of squares of each, float32 [n]. */
const SumsOfSquares: Recorder = (b, inputs) =>
  b.record('SumsOfSquares', inputs, {}, [Object.keys(inputs).length], 'float32');

/** Kernels that tfjs does not have. */
export const CUSTOM: RecorderTable = { PhiloxUniform, AdamW, SumsOfSquares };
