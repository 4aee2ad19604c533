/**
 * The first bytes of a stream, and the stream with them. Whoever leaves the stream early ends it.
 *
 * @param bytes that `head` holds, or all where there are fewer
 */
export async function peek(chunks: AsyncIterable<Uint8Array>, bytes: number) {
  const iterator = chunks[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < bytes) {
    const { value, done } = await iterator.next();
    if (done) break;
    first.push(value);
    length += value.byteLength;
  }
  const head = Buffer.concat(first).subarray(0, bytes);
  async function* whole() {
    try {
      yield* first.splice(0);
      for (;;) {
        const { value, done } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head, whole: whole() };
}
