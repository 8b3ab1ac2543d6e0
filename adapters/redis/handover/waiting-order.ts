import { tagOf } from './made-up-names.js';

/** Keys by their ids, and tags of which any key may be named. */
export interface Named {
  readonly ids: readonly string[];
  /** Of those keys that have one. */
  readonly tagsOfKeys: () => readonly string[];
  readonly tags: readonly string[];
}

/**
 * What waits for keys, in the order in which it came: of one key, and of one tag where a command
 * may name any of its keys.
 */
export class WaitingOrder {
  /** The last that waits for a key, by the key's id: its bytes in latin1. */
  readonly #keys = new Map<string, Promise<void>>();
  /** The last that waits for all keys of a tag. */
  readonly #tags = new Map<string, Promise<void>>();

  get all(): readonly Promise<void>[] {
    return [...this.#keys.values(), ...this.#tags.values()];
  }

  /** The last that waits for a key. */
  of(id: string): Promise<void> | undefined {
    return this.#keys.get(id);
  }

  /** What has to be over before a command that names these. */
  before({ ids, tagsOfKeys, tags }: Named): readonly Promise<void>[] {
    if (this.#keys.size === 0 && this.#tags.size === 0) return [];
    const found = new Set<Promise<void> | undefined>();
    for (const id of ids) found.add(this.#keys.get(id));
    if (this.#tags.size > 0) for (const tag of tagsOfKeys()) found.add(this.#tags.get(tag));
    if (tags.length > 0) {
      for (const [id, last] of this.#keys) {
        const tag = tagOf(Buffer.from(id, 'latin1'));
        if (tag !== undefined && tags.includes(tag)) found.add(last);
      }
    }
    found.delete(undefined);
    return [...found] as Promise<void>[];
  }

  /** It waits until `done`, which does not reject. */
  add(ids: readonly string[], tags: readonly string[], done: Promise<void>, over: () => void): void {
    for (const id of ids) this.#keys.set(id, done);
    for (const tag of tags) this.#tags.set(tag, done);
    void done.then(() => {
      over();
      for (const id of ids) if (this.#keys.get(id) === done) this.#keys.delete(id);
      for (const tag of tags) if (this.#tags.get(tag) === done) this.#tags.delete(tag);
    });
  }
}
