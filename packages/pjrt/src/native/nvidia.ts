import { existsSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { loadForGood } from './library.js';

/**
 * NVIDIA's libraries in the order in which they need each other, by the beginnings of their names. XLA's plugin looks for them by name
 * alone, and finds what is loaded already.
 */
export const NVIDIA_LIBRARIES = [
  'libcudart',
  'libnvJitLink',
  'libnvrtc',
  'libcublasLt',
  'libcublas',
  'libnccl',
  'libcupti',
  'libcusparse',
  'libcusolver',
  'libcufft',
  'libnvshmem_host',
  'libcudnn',
] as const;

/** What of NVIDIA's lies beside a plugin, in Python's layout of packages. */
export interface NvidiaParts {
  /** Paths by the names of {@link NVIDIA_LIBRARIES}. */
  readonly libraries: ReadonlyMap<string, string>;
  /** The folder with `nvvm/libdevice`, for `xla_gpu_cuda_data_dir`. */
  readonly dataFolder?: string;
  /** The folder of `ptxas`. */
  readonly programs?: string;
}

/** Finds NVIDIA's parts in `nvidia/<part>/{lib,bin,nvvm}` of the packages that a plugin lies in. */
export function nvidiaParts(plugin: string): NvidiaParts {
  // site-packages/jax_plugins/xla_cuda13/xla_cuda_plugin.so
  const nvidia = join(dirname(dirname(dirname(plugin))), 'nvidia');
  const parts = existsSync(nvidia) ? readdirSync(nvidia).map((part) => join(nvidia, part)) : [];
  const libraries = new Map<string, string>();
  for (const part of parts) {
    const lib = join(part, 'lib');
    const files = existsSync(lib) ? readdirSync(lib) : [];
    for (const name of NVIDIA_LIBRARIES) {
      const file = files.find((one) => new RegExp(`^${name}\\.so\\.\\d+$`).test(one));
      if (file) libraries.set(name, join(lib, file));
    }
  }
  const dataFolder = parts.find((part) => existsSync(join(part, 'nvvm/libdevice')));
  const programs = parts.map((part) => join(part, 'bin')).find((bin) => existsSync(join(bin, 'ptxas')));
  return { libraries, ...(dataFolder && { dataFolder }), ...(programs && { programs }) };
}

/**
 * Lets NVIDIA's plugin find what lies beside it: loads the libraries, and tells XLA of the compiler's parts by PATH and
 * XLA_FLAGS, unless XLA_FLAGS says where they are. Must come before XLA reads its flags, which it does once.
 */
export function prepareNvidia(plugin: string): void {
  if (process.platform !== 'linux') return;
  const { libraries, dataFolder, programs } = nvidiaParts(plugin);
  const { env } = process;
  if (programs) env.PATH = [programs, env.PATH].filter(Boolean).join(delimiter);
  const flags = env.XLA_FLAGS ?? '';
  if (dataFolder && !flags.includes('xla_gpu_cuda_data_dir')) {
    env.XLA_FLAGS = `${flags} --xla_gpu_cuda_data_dir=${dataFolder}`.trim();
  }
  for (const name of NVIDIA_LIBRARIES) {
    const path = libraries.get(name);
    // what does not load is told by the plugin, or by doctor
    if (path) loadForGood(path);
  }
}
