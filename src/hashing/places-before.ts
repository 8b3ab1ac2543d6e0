interface Named {
  readonly id: string;
}

/**
 * Where each of a list was in the list before, asked in the order of the list. While the order
 * holds it is the next place, or one further where one left: of a long list little changes at a
 * time, and a Map of all ids would cost more than all else.
 */
export class PlacesBefore {
  readonly #before: readonly Named[];
  readonly #now: readonly Named[];
  #next = 0;
  #byId: Map<string, number> | undefined;

  constructor(before: readonly Named[], now: readonly Named[]) {
    this.#before = before;
    this.#now = now;
  }

  /**
   * -1 for one that was not there. Also for one that was, where it has moved to before the one that
   * it follows now.
   */
  of(at: number): number {
    const before = this.#before;
    const next = this.#next;
    const { id } = this.#now[at]!;
    if (before[next]?.id === id) return this.#found(next);
    if (next >= before.length) return -1;
    if (before[next + 1]?.id === id) return this.#found(next + 1);
    // One came.
    if (this.#now[at + 1]?.id === before[next]!.id) return -1;
    this.#byId ??= new Map(before.map((each, place) => [each.id, place]));
    const place = this.#byId.get(id);
    return place === undefined ? -1 : this.#found(place);
  }

  #found(place: number): number {
    this.#next = place + 1;
    return place;
  }
}
