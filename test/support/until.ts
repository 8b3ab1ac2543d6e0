/**
 * Lets real I/O happen until the condition holds. For tests on loopback, whose own clock stands
 * still.
 */
export async function until(condition: () => boolean, what = 'the condition', limitMs = 3_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`${what} did not come true within ${limitMs} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets I/O that is under way happen, where the point is that nothing follows from it. */
export async function quiet(forMs = 30): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, forMs));
}
