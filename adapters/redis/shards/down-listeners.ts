/** Callbacks for the next time that a shard goes down or is closed: each is called once. */
export class DownListeners {
  readonly #listeners = new Set<() => void>();

  /** Returns what takes it back. */
  add(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}
