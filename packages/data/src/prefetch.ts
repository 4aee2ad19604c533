/**
 * Works on items ahead of the reader, at most `depth` at a time, and gives the results in the items' order. Reading of
 * `items` stops while `depth` results wait: the reader sets the pace.
 */
export async function* prefetch<In, Out>(
  items: AsyncIterator<In>,
  work: (item: In) => Promise<Out>,
  depth: number,
): AsyncGenerator<Out> {
  const queue: Promise<Out>[] = [];
  let ended = false;
  let failure: { error: unknown } | undefined;
  let wakeReader = () => {};
  let wakeFiller = () => {};

  const fill = async () => {
    try {
      while (!ended) {
        if (queue.length >= depth) {
          await new Promise<void>((resolve) => {
            wakeFiller = resolve;
          });
          continue;
        }
        const { value, done } = await items.next();
        if (ended || done) break;
        const result = work(value);
        // The reader sees the error when it comes to this item; until then it must not count as unhandled.
        result.catch(() => {});
        queue.push(result);
        wakeReader();
      }
    } catch (error) {
      failure = { error };
    } finally {
      ended = true;
      wakeReader();
    }
  };

  const filler = fill();
  try {
    for (;;) {
      const next = queue[0];
      if (next) {
        const result = await next;
        queue.shift();
        wakeFiller();
        yield result;
      } else if (failure) {
        throw failure.error;
      } else if (ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
    }
  } finally {
    ended = true;
    wakeFiller();
    await filler;
    await items.return?.();
    await Promise.allSettled(queue);
  }
}
