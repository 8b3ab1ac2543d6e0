/** Long work that can pause: each step takes a millisecond or a few. */
export type Steps<T> = Generator<void, T>;

/** All that is left of it, at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
