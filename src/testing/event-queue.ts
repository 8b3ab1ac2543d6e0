/** Something that happens at a time, unless it is cancelled first. */
export interface QueuedEvent {
  readonly atMs: number;
  /** Undefined once cancelled. */
  fire: (() => void) | undefined;
}

interface Entry extends QueuedEvent {
  readonly atMs: number;
  /** Events of one instant happen in the order in which they were added. */
  readonly order: number;
  fire: (() => void) | undefined;
}

/**
 * What is going to happen, soonest first: a binary heap, O(log n) to add and to take. A cancelled
 * event stays until it is reached or until cancelled ones are the majority, so cancelling is O(1)
 * and memory stays within twice what is really due.
 */
export class EventQueue {
  #heap: Entry[] = [];
  #order = 0;
  #cancelled = 0;

  /** Events that are still going to happen. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  add(atMs: number, fire: () => void): QueuedEvent {
    const entry: Entry = { atMs, order: this.#order++, fire };
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return entry;
  }

  /** Idempotent, and harmless for an event that happened already. */
  cancel(event: QueuedEvent): void {
    if (event.fire === undefined) return;
    event.fire = undefined;
    this.#cancelled++;
    if (this.#cancelled > MIN_COMPACTION && this.#cancelled * 2 > this.#heap.length) this.#compact();
  }

  /** Takes the first event that is due by `untilMs`, if there is one. */
  take(untilMs: number): { readonly atMs: number; readonly fire: () => void } | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > untilMs) return undefined;
      this.#removeFirst();
      const { atMs, fire } = first;
      if (fire !== undefined) {
        // It is no longer in the heap: cancelling it from now on must not be counted.
        first.fire = undefined;
        return { atMs, fire };
      }
      this.#cancelled--;
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const entry = heap[from]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const entry = heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, entry)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = entry;
  }

  #compact(): void {
    this.#heap = this.#heap.filter((entry) => entry.fire !== undefined);
    this.#cancelled = 0;
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Fewer cancelled events than this are not worth a pass over the heap. */
const MIN_COMPACTION = 64;
