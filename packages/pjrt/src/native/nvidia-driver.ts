import { existsSync } from 'node:fs';
import koffi from 'koffi';

/** What NVIDIA's driver says of itself. */
export interface NvidiaDriver {
  /** The newest CUDA that it runs: `[13, 0]`. */
  readonly cuda: readonly [major: number, minor: number];
}

/**
 * Asks the driver's library, which comes with the driver and with nothing else.
 *
 * @returns undefined where there is none
 */
export function nvidiaDriver(): NvidiaDriver | undefined {
  try {
    const version = Int32Array.of(0);
    const ask = koffi.load('libcuda.so.1').func('int cuDriverGetVersion(void *version)');
    if (ask(version) !== 0) return undefined;
    const [number = 0] = version;
    return { cuda: [Math.floor(number / 1000), Math.floor((number % 1000) / 10)] };
  } catch {
    return undefined;
  }
}

/** The kernel's part of NVIDIA's driver is loaded, or the machine has a TPU. */
export function hasDevice(kind: 'nvidia' | 'tpu'): boolean {
  const files = kind === 'nvidia' ? ['/dev/nvidiactl', '/dev/dxg'] : ['/dev/accel0', '/dev/vfio/0'];
  return files.some((file) => existsSync(file));
}
