import type { OptionNames } from '@diptych/core';
import type { NamedValues } from '@diptych/pjrt';

/** The arithmetic of products and convolutions: float32, TF32 where the device has it, bfloat16 operands with float32 sums. */
export type XlaPrecision = 'f32' | 'tf32' | 'bf16';

export const PRECISIONS: readonly XlaPrecision[] = ['f32', 'tf32', 'bf16'];

/** How the backend runs. */
export interface XlaOptions {
  /** A plugin: its name (`cpu`, `cuda13`, `cuda12`, `tpu`) or its path. Default: the first of `findPlugins()`, GPUs before CPUs. */
  readonly plugin?: string;
  /** Which of the plugin's devices, from 0. */
  readonly device?: number;
  /** Options of the plugin's client: `{ memory_fraction: 0.5 }` for NVIDIA's. */
  readonly client?: NamedValues;
  /** Default `f32`. A compiled function can be told otherwise, as the Trainer's `precision` does. */
  readonly precision?: XlaPrecision;
  /** Folder of compiled programs; false keeps none. Default: DIPTYCH_XLA_CACHE, else `diptych/xla` in XDG_CACHE_HOME or `~/.cache`. */
  readonly cache?: string | false;
  /** Run every operation that has a lowering on the device, however small. For tests. */
  readonly forceNative?: boolean;
  /** Programs that compute fewer elements, of data in memory, run on portable kernels: XLA would compile for longer. */
  readonly smallWork?: number;
  /** Programs are let go, least recently used first, beyond this estimate of what they take on the device. Default: no limit. */
  readonly programCacheBytes?: number;
}

export const OPTIONS: OptionNames<XlaOptions> = {
  plugin: 'optional',
  device: 'optional',
  client: 'optional',
  precision: 'optional',
  cache: 'optional',
  forceNative: 'optional',
  smallWork: 'optional',
  programCacheBytes: 'optional',
};
