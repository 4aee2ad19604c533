import { type Generator, Linear, normal, zeros } from '@diptych/nn';

/** How timm's networks start linear layers: normal with deviation 0.02 (`trunc_normal_` cuts at 2), bias 0. */
export const TIMM_INIT = { init: normal(0.02), biasInit: zeros };

/** A linear layer as timm's networks start it. */
export function timmLinear(inFeatures: number, outFeatures: number, generator: Generator): Linear {
  return new Linear(inFeatures, outFeatures, { generator, ...TIMM_INIT });
}
