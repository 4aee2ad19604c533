import { type Communicator, ConfigError, checkMethods } from '@diptych/core';

/**
 * What a trainer is given to train with other ranks.
 *
 * @returns undefined for a group of one: it trains as alone
 * @throws ConfigError unless it is a communicator
 */
export function checkCommunicator(communicator: Communicator | undefined): Communicator | undefined {
  if (communicator === undefined) return undefined;
  const where = 'train.Trainer: communicator';
  const remedy = 'await mpi() of @diptych/distributed';
  checkMethods(where, communicator, ['allReduce', 'allGather', 'broadcast', 'abort'], remedy);
  const { rank, size } = communicator;
  if (Number.isInteger(size) && Number.isInteger(rank) && rank >= 0 && rank < size)
    return size === 1 ? undefined : communicator;
  throw new ConfigError({ where, expected: 'a rank below its size', got: `rank ${rank} of ${size}`, remedy });
}
