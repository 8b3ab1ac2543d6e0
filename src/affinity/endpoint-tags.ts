/** What is needed of an endpoint. */
export interface Identified {
  readonly spec: { readonly id: string };
}

/**
 * Endpoints whose tags are kept at least, however few there are: those that left lately are still
 * known.
 */
const MAX_KNOWN = 10_000;

/** Tags kept, as a multiple of the list: those of the list, and as many that left. */
const TIMES_THE_LIST = 2;

/**
 * The tags of endpoints, there and back. Computed once per endpoint, whatever lists it stands in;
 * those that were seen least recently are forgotten first.
 */
export class EndpointTags {
  readonly #tagOf: (id: string) => string;
  /** By id; the one seen least recently in front. */
  readonly #tags = new Map<string, string>();
  readonly #ids = new Map<string, string>();
  /** Lists that are in it. */
  readonly #lists = new WeakSet<readonly Identified[]>();
  #max = MAX_KNOWN;

  constructor(tagOf: (id: string) => string) {
    this.#tagOf = tagOf;
  }

  /** The tag of an endpoint, which is known from now on. */
  learn(id: string): string {
    const tag = this.#tags.get(id) ?? this.#tagOf(id);
    this.#tags.delete(id);
    this.#tags.set(id, tag);
    this.#ids.set(tag, id);
    this.#forget();
    return tag;
  }

  /** A service passes the same list until its membership changes: free then. */
  learnAll(endpoints: readonly Identified[]): void {
    if (this.#lists.has(endpoints)) return;
    this.#lists.add(endpoints);
    this.#max = Math.max(this.#max, TIMES_THE_LIST * endpoints.length);
    for (const { spec } of endpoints) this.learn(spec.id);
  }

  idOf(tag: string): string | undefined {
    return this.#ids.get(tag);
  }

  #forget(): void {
    for (const [oldest, tag] of this.#tags) {
      if (this.#tags.size <= this.#max) return;
      this.#tags.delete(oldest);
      this.#ids.delete(tag);
    }
  }
}
