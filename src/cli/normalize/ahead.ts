// One thing is made while another is used. Imports nothing.

/**
 * The same values, the next of which is asked for before the one in hand is handed out: what makes values while nobody
 * waits for them (a read, a write) overlaps with what uses them.
 */
export async function* ahead<T>(values: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = values[Symbol.asyncIterator]();
  let next = begun(iterator);
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = begun(iterator);
      yield value;
    }
  } finally {
    // Whoever stops early waits for what is under way, so that nothing is read from a file that is closed.
    await next.catch(() => null);
    await iterator.return?.();
  }
}

function begun<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const next = iterator.next();
  // It may fail before anybody looks.
  next.catch(() => null);
  return next;
}
