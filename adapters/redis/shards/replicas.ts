interface Closable {
  quit(): Promise<void>;
  disconnect(): void;
}

/** The replicas of one shard, which live and end with it. */
export class Replicas<T extends Closable> {
  #all: readonly T[] = [];

  get all(): readonly T[] {
    return this.#all;
  }

  /** These are its replicas from now on; those that are not any longer are closed. */
  replace(replicas: readonly T[]): void {
    const before = this.#all;
    this.#all = replicas;
    for (const replica of before) if (!replicas.includes(replica)) void replica.quit();
  }

  quit(): void {
    for (const replica of this.#all) void replica.quit();
  }

  disconnect(): void {
    for (const replica of this.#all) replica.disconnect();
  }
}
