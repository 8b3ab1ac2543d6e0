/**
 * Calls waiting for their turn, first come, first served. Removing one in the middle is O(1):
 * deadlines and cancellations end more waits than turns do when a service is in trouble.
 */
export class WaitingLine {
  readonly #waiting = new Set<() => void>();
  /** Ones that had their turn and must wait on: ahead of all others. */
  readonly #ahead = new Set<() => void>();

  get length(): number {
    return this.#waiting.size + this.#ahead.size;
  }

  /** `proceed` is called once when it is its turn. Gives a function that leaves the line. */
  join(proceed: () => void, ahead: boolean): () => void {
    const line = ahead ? this.#ahead : this.#waiting;
    line.add(proceed);
    return () => void line.delete(proceed);
  }

  /** The first may go. */
  next(): void {
    const line = this.#ahead.size > 0 ? this.#ahead : this.#waiting;
    for (const proceed of line) {
      line.delete(proceed);
      proceed();
      return;
    }
  }
  /** All may go: there is nothing to wait for any more. */
  end(): void {
    for (let left = this.length; left > 0; left--) this.next();
  }
}
