import type { Clock, Timer } from '../runtime/clock.js';

/** What a call in the line waits for. */
export interface Wait {
  /** The one place (an endpoint) that it may go to; undefined where any will do. */
  readonly at: object | undefined;
  /**
   * When there may be room although nothing has ended, on the clock; Infinity where only an end
   * makes room.
   */
  readonly againAtMs: number;
}

export interface Waiter {
  /**
   * It is its turn. Returns undefined where it took it, or gave up: it leaves the line. Else what
   * it goes on waiting for. Must not throw.
   */
  proceed(): Wait | undefined;
}

interface Entry {
  readonly waiter: Waiter;
  /** Where it stands; undefined once it left. */
  line: Line | undefined;
}

class Line {
  readonly entries = new Set<Entry>();
  readonly place: object | undefined;

  constructor(place?: object) {
    this.place = place;
  }
}

/**
 * Calls waiting for their turn, first come, first served. One that may only go to one place stands
 * in a line of that place, where it holds up none that may go elsewhere. Whatever can make room
 * passes the turn on (`next`), and the turn goes from one to the next until one finds no room.
 *
 * Turns are taken before `next` returns, so no newcomer slips in between. Leaving from the middle
 * is O(1): deadlines and cancellations end more waits than turns do when a service is in trouble.
 */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #common = new Line();
  /** Those that stood in a place's line and found that there is room nowhere: before all others. */
  readonly #ahead = new Line();
  readonly #places = new Map<object, Line>();
  #length = 0;
  #passing = false;
  #missed = false;
  #timer: Timer | undefined;
  #wakesAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#length;
  }

  /** Whether a newcomer has to stand behind others, wherever it may go. */
  get crowded(): boolean {
    return this.#common.entries.size + this.#ahead.entries.size > 0;
  }

  /** Returns a function that leaves the line; idempotent. */
  join(waiter: Waiter, { at, againAtMs }: Wait): () => void {
    const entry: Entry = { waiter, line: undefined };
    this.#length++;
    this.#stand(entry, at === undefined ? this.#common : this.#lineAt(at));
    this.#wakeAt(againAtMs);
    return () => this.#leave(entry);
  }

  /** There may be room: at this place, or, where none is named, at any. */
  next(place?: object): void {
    if (this.#passing) {
      this.#missed = true;
      return;
    }
    this.#passing = true;
    let at = place;
    do {
      this.#missed = false;
      const lines = at === undefined ? [...this.#places.values()] : [this.#places.get(at)];
      for (const line of lines) if (line !== undefined) this.#pass(line);
      if (this.#pass(this.#ahead)) this.#pass(this.#common);
      at = undefined;
    } while (this.#missed);
    this.#passing = false;
  }

  /** There is nothing to wait for any more: all have their turn, and leave. */
  end(): void {
    for (const line of [...this.#places.values(), this.#ahead, this.#common]) {
      for (const entry of line.entries) {
        entry.waiter.proceed();
        this.#leave(entry);
      }
    }
  }

  /** Turn by turn. False where one found that there is no room for it, or for any. */
  #pass(line: Line): boolean {
    for (const entry of line.entries) {
      const wait = entry.waiter.proceed();
      if (entry.line === undefined) continue;
      if (wait === undefined) {
        this.#leave(entry);
        continue;
      }
      this.#wakeAt(wait.againAtMs);
      if (wait.at === line.place) return false;
      if (wait.at === undefined) {
        // What it lacks is no longer room at this place, so its end does not depend on this place
        // alone.
        for (const each of line.entries) this.#stand(each, this.#ahead);
        return false;
      }
      this.#stand(entry, this.#lineAt(wait.at));
    }
    return true;
  }

  #lineAt(place: object): Line {
    let line = this.#places.get(place);
    if (line === undefined) {
      line = new Line(place);
      this.#places.set(place, line);
    }
    return line;
  }

  #stand(entry: Entry, line: Line | undefined): void {
    const before = entry.line;
    entry.line = line;
    line?.entries.add(entry);
    before?.entries.delete(entry);
    if (before?.place !== undefined && before.entries.size === 0) this.#places.delete(before.place);
  }

  #leave(entry: Entry): void {
    if (entry.line === undefined) return;
    this.#stand(entry, undefined);
    if (--this.#length > 0) return;
    this.#timer?.cancel();
    this.#wakesAtMs = Number.POSITIVE_INFINITY;
  }

  /**
   * Room that comes with time (a token, the end of a breaker's pause) is looked for when it is
   * there.
   */
  #wakeAt(atMs: number): void {
    if (atMs >= this.#wakesAtMs) return;
    this.#timer?.cancel();
    this.#wakesAtMs = atMs;
    this.#timer = this.#clock.awaited(atMs - this.#clock.now(), () => {
      this.#wakesAtMs = Number.POSITIVE_INFINITY;
      this.next();
    });
  }
}
