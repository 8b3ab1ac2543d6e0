/**
 * A map of at most `capacity` entries, of which the oldest leaves first. `set` makes an entry the
 * youngest; `get` does not: where use must count, take `lru-cache`.
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #capacity: number;

  /** `capacity`: a whole number of 1 or more. */
  constructor(capacity: number) {
    super();
    this.#capacity = capacity;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#capacity) {
      for (const oldest of this.keys()) {
        this.delete(oldest);
        break;
      }
    }
    return this;
  }
}
