import { totalmem } from 'node:os';

/** Bytes that this process may use: the limit of its container, or the machine's memory. */
export function memoryLimit(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}
