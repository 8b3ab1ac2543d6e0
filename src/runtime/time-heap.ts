/** What a `TimeHeap` orders. Both fields are the heap's while it holds the item. */
export interface Timed {
  atMs: number;
  index: number;
}

/**
 * Items by time, the earliest first; the time of one may be put off while it is held. A binary
 * heap: O(log n).
 */
export class TimeHeap<Item extends Timed> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  add(item: Item): void {
    const items = this.#items;
    let index = items.length;
    items.push(item);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (items[parent]!.atMs <= item.atMs) break;
      this.#place(items[parent]!, index);
      index = parent;
    }
    this.#place(item, index);
  }

  /** Its time is `atMs` from now on, which is not before what it was. */
  putOff(item: Item, atMs: number): void {
    item.atMs = atMs;
    this.#sink(item, item.index);
  }

  removeFirst(): void {
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(last, 0);
  }

  #sink(item: Item, from: number): void {
    const items = this.#items;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]!.atMs < items[child]!.atMs) child++;
      if (items[child]!.atMs >= item.atMs) break;
      this.#place(items[child]!, index);
      index = child;
    }
    this.#place(item, index);
  }

  #place(item: Item, index: number): void {
    this.#items[index] = item;
    item.index = index;
  }
}
