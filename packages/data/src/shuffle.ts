import { SampleRandom, siteOf } from '@diptych/core';
import { heldBytes, type PairRecord } from './record.js';
import type { BufferLimits, PairSource, ReadContext } from './source.js';

/**
 * Shuffles a stream through a bounded buffer: once it is full, each record that comes in takes the place of a random
 * one, which goes out. A stream that fits the buffer is permuted uniformly.
 *
 * @param limits records and held bytes; a buffer over its bytes gives records out until it is below
 */
async function* shuffleStream(
  records: AsyncIterable<PairRecord>,
  limits: BufferLimits,
  seed: number,
  epoch: number,
): AsyncGenerator<PairRecord> {
  const random = new SampleRandom({ training: true, seed, epoch, item: 0 }, siteOf('data/shuffle-buffer'));
  const buffer: PairRecord[] = [];
  let bytes = 0;
  const take = () => {
    const index = random.integer(buffer.length);
    const record = buffer[index]!;
    const last = buffer.pop()!;
    if (index < buffer.length) buffer[index] = last;
    bytes -= heldBytes(record);
    return record;
  };
  for await (const record of records) {
    while (buffer.length > 0 && (buffer.length >= limits.records || bytes + heldBytes(record) > limits.bytes)) {
      yield take();
    }
    buffer.push(record);
    bytes += heldBytes(record);
  }
  while (buffer.length > 0) yield take();
}

/** The source's records in the context's order, through a shuffle buffer where the source cannot permute itself. */
export function orderedRead(source: PairSource, context: ReadContext): AsyncIterable<PairRecord> {
  const records = source.read(context);
  if (!context.shuffle || source.shufflesFully) return records;
  return shuffleStream(records, context.buffer, context.seed, context.epoch);
}
