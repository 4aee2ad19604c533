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

/**
 * Kernel `FusedAdamW`: one AdamW step (Loshchilov and Hutter 2019) over all parameters, with clipping by global norm.
 * Inputs `hyper` [n,3], `p0`…, `g0`…, `m0`…, `v0`…; outputs p', m', v' and `squares` [n], the sum of squares of each gradient
 * before clipping.
 */
const FusedAdamW: Recorder = (b, inputs, attrs) => {
  const { count, beta1, beta2, eps } = attrs as Record<string, number>;
  const maxNorm = (attrs.maxNorm as number | null) ?? null;
  const of = (prefix: string) => Array.from({ length: count! }, (_, i) => inputs[`${prefix}${i}`]!);
  const parameters = of('p');
  for (const prefix of ['g', 'm', 'v']) {
    of(prefix).forEach((t, i) => {
      if (t?.shape.join() !== parameters[i]!.shape.join()) {
        throw new ShapeError({
          where: `FusedAdamW.${prefix}${i}`,
          expected: `shape [${parameters[i]!.shape}] of its parameter`,
          got: t ? `[${t.shape}]` : 'nothing',
        });
      }
    });
  }
  const ordered = Object.fromEntries([
    ['hyper', inputs.hyper!],
    ...['p', 'g', 'm', 'v'].flatMap((prefix) => of(prefix).map((t, i) => [`${prefix}${i}`, t] as const)),
  ]);
  const like = parameters.map(({ shape }) => ({ shape, dtype: 'float32' as const }));
  const types = [...like, ...like, ...like, { shape: [count!], dtype: 'float32' as const }];
  return b.recordMany('FusedAdamW', ordered, { count, beta1, beta2, eps, maxNorm }, types);
};

/** Kernels that tfjs does not have. */
export const CUSTOM: RecorderTable = { PhiloxUniform, FusedAdamW };
