import type { Communicator } from '@diptych/core';
import { testCommunicator } from '@diptych/testing';
import { describe, expect, it } from 'vitest';
import { inProcessGroup } from './in-process.js';

const inGroup = (size: number) => async (run: (communicator: Communicator) => Promise<void>) => {
  const group = inProcessGroup(size);
  await Promise.all(group.map((communicator) => run(communicator)));
  await Promise.all(group.map((communicator) => communicator.close()));
};

for (const size of [1, 2, 3, 5]) testCommunicator({ describe, it }, `${size} ranks in a process`, inGroup(size));

describe('ranks in a process', () => {
  it('says which calls do not match, to all, and then works no more', async () => {
    const [a, b] = inProcessGroup(2);
    const calls = [a!.allReduce(new Float32Array(3)), b!.allReduce(new Float32Array(4))];
    for (const call of calls)
      await expect(call).rejects.toThrow(
        'expected the same call on all ranks, got allReduce(Float32Array of 4, sum) on rank 1, allReduce(Float32Array of 3, sum) on rank 0',
      );
    await expect(a!.barrier()).rejects.toMatchObject({ code: 'communication' });
  });

  it('ends what waits when a rank fails', async () => {
    const [a, b, c] = inProcessGroup(3);
    const waiting = [a!.barrier(), b!.allReduce(Float32Array.of(1))];
    await c!.abort(new Error('disk full'));
    for (const call of waiting) await expect(call).rejects.toThrow('rank 2 has failed: disk full');
  });

  it('refuses calls after close, and closes twice', async () => {
    const group = inProcessGroup(2);
    await Promise.all(group.map((one) => one.close()));
    await group[0]!.close();
    await expect(group[0]!.barrier()).rejects.toThrow('the communicator was closed');
  });

  it('refuses groups of none', () => {
    for (const size of [0, -1, 1.5, Number.NaN]) expect(() => inProcessGroup(size)).toThrow(/at least one rank/);
  });
});
