import { ConfigError, nearestName } from '@diptych/core';
import type { WheelRange } from '../wheels/wheel-files.js';

/** What a plugin is made of. */
export interface PluginFacts {
  /** What it runs on. */
  readonly title: string;
  /** The library, as its wheel or one like it unpacks. */
  readonly libraries: readonly string[];
  /** The wheel of the library. */
  readonly plugin: WheelRange;
  /** What compiling takes beside it. */
  readonly compiler: readonly WheelRange[];
  /** What running takes beside that. */
  readonly runtime: readonly WheelRange[];
}

/**
 * The plugins that can be installed. NVIDIA's libraries and their versions are those that `jax-cuda12-plugin[with-cuda]` and
 * `jax-cuda13-plugin[with-cuda]` 0.12.0.1 ask for, with the versions of the next CUDA left out.
 */
export const PLUGINS = {
  cpu: {
    title: 'CPUs',
    libraries: ['lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so', 'fastatomstruct_xla_cpu/libpjrt_cpu.so'],
    plugin: { distribution: 'lammps-jax-pjrt-cpu' },
    compiler: [],
    runtime: [],
  },
  cuda12: {
    title: 'NVIDIA GPUs with a driver for CUDA 12',
    libraries: ['jax_plugins/xla_cuda12/xla_cuda_plugin.so'],
    plugin: { distribution: 'jax-cuda12-pjrt' },
    compiler: [{ distribution: 'nvidia-cuda-nvcc-cu12', from: '12.6.85' }],
    runtime: [
      { distribution: 'nvidia-cublas-cu12', from: '12.1.3.1' },
      { distribution: 'nvidia-cuda-cupti-cu12', from: '12.1.105' },
      { distribution: 'nvidia-cuda-nvrtc-cu12', from: '12.1.55' },
      { distribution: 'nvidia-cuda-runtime-cu12', from: '12.1.105' },
      { distribution: 'nvidia-cudnn-cu12', from: '9.10.2.21', below: '10' },
      { distribution: 'nvidia-cufft-cu12', from: '11.0.2.54' },
      { distribution: 'nvidia-cusolver-cu12', from: '11.4.5.107' },
      { distribution: 'nvidia-cusparse-cu12', from: '12.1.0.106' },
      { distribution: 'nvidia-nccl-cu12', from: '2.18.1' },
      { distribution: 'nvidia-nvjitlink-cu12', from: '12.1.105' },
      { distribution: 'nvidia-nvshmem-cu12', from: '3.2.5' },
    ],
  },
  cuda13: {
    title: 'NVIDIA GPUs with a driver for CUDA 13',
    libraries: ['jax_plugins/xla_cuda13/xla_cuda_plugin.so'],
    plugin: { distribution: 'jax-cuda13-pjrt' },
    compiler: [
      { distribution: 'nvidia-cuda-nvcc', from: '13.0.48', below: '14' },
      { distribution: 'nvidia-nvvm', from: '13.0', below: '14' },
    ],
    runtime: [
      { distribution: 'nvidia-cublas', from: '13.0.0.19', below: '14' },
      { distribution: 'nvidia-cuda-cupti', from: '13.0.48', below: '14' },
      { distribution: 'nvidia-cuda-nvrtc', from: '13.0.48', below: '14' },
      { distribution: 'nvidia-cuda-runtime', from: '13.0.48', below: '14' },
      { distribution: 'nvidia-cudnn-cu13', from: '9.12.0.46', below: '10' },
      { distribution: 'nvidia-cufft', from: '12.0.0.15', below: '13' },
      { distribution: 'nvidia-cusolver', from: '12.0.3.29', below: '13' },
      { distribution: 'nvidia-cusparse', from: '12.6.2.49', below: '13' },
      { distribution: 'nvidia-nccl-cu13', from: '2.27.7' },
      { distribution: 'nvidia-nvjitlink', from: '13.0.39', below: '14' },
      { distribution: 'nvidia-nvshmem-cu13', from: '3.3.20' },
    ],
  },
  tpu: {
    title: 'TPUs',
    libraries: ['libtpu/libtpu.so'],
    plugin: { distribution: 'libtpu' },
    compiler: [],
    runtime: [],
  },
} as const satisfies Record<string, PluginFacts>;

/** A plugin that can be installed. */
export type PluginName = keyof typeof PLUGINS;

export const PLUGIN_NAMES = Object.keys(PLUGINS) as PluginName[];

/**
 * What a plugin is made of.
 *
 * @throws ConfigError that lists the names
 */
export function pluginFacts(where: string, name: unknown): PluginFacts {
  if (PLUGIN_NAMES.includes(name as PluginName)) return PLUGINS[name as PluginName];
  const near = typeof name === 'string' ? nearestName(name, PLUGIN_NAMES) : undefined;
  throw new ConfigError({
    where,
    expected: `one of the plugins ${PLUGIN_NAMES.join(', ')}`,
    got: name === undefined ? 'none' : String(name),
    ...(near && { remedy: `did you mean ${near}?` }),
  });
}
