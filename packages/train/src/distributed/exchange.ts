import type { Communicator, Json } from '@diptych/core';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What each rank says, by rank. */
export async function gatherJson<Said extends Json>(communicator: Communicator, said: Said): Promise<Said[]> {
  const bytes = encoder.encode(JSON.stringify(said));
  const counts = Array.from(await communicator.allGather(Int32Array.of(bytes.length)));
  const all = await communicator.allGather(bytes, counts);
  let start = 0;
  return counts.map((count) => {
    start += count;
    return JSON.parse(decoder.decode(all.subarray(start - count, start))) as Said;
  });
}

/**
 * What rank 0 says, on every rank.
 *
 * @param said on rank 0; of the others nothing is asked
 */
export async function broadcastJson<Said extends Json>(
  communicator: Communicator,
  said: () => Said | Promise<Said>,
): Promise<Said> {
  const bytes = communicator.rank === 0 ? encoder.encode(JSON.stringify(await said())) : new Uint8Array(0);
  const [length] = await communicator.broadcast(Int32Array.of(bytes.length));
  const sent = await communicator.broadcast(communicator.rank === 0 ? bytes : new Uint8Array(length!));
  return JSON.parse(decoder.decode(sent)) as Said;
}

/** Whether it is so on any rank. */
export async function isAny(communicator: Communicator, here: boolean): Promise<boolean> {
  const [found] = await communicator.allReduce(Int32Array.of(here ? 1 : 0), 'max');
  return found === 1;
}
