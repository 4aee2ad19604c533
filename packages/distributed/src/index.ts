export type { Communicator, Reducible, Reduction, Sendable } from '@diptych/core';
export { inProcessGroup } from './in-process.js';
export { type MpiOptions, mpi } from './mpi/mpi.js';
