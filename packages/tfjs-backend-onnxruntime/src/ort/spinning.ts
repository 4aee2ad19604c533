import { availableParallelism, loadavg } from 'node:os';

/** Runnable programs a core above which a machine counts as busy. Our own threads make it 1. */
const BUSY = 1.5;

/**
 * Session configuration for the load of the machine. ONNX Runtime's threads spin between operators, which saves a tenth
 * where they have the cores to themselves; beside other programs they take the time of the threads that they wait for,
 * and a step takes several times as long (docs/engine-notes.md).
 *
 * @param load runnable programs of the last minute, 0 where the system does not say (Windows)
 */
export function spinningFor(load = loadavg()[0]!, cores = availableParallelism()): Readonly<Record<string, string>> {
  return load > BUSY * cores ? { 'session.intra_op.allow_spinning': '0' } : {};
}
