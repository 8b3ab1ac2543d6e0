import type { Clock } from '../runtime/clock.js';
import { IdleWait } from '../runtime/idle-wait.js';
import type { CallScope } from './scope.js';

/**
 * The scopes of the calls that have not ended: a list through the scopes themselves, so that being
 * in it costs two fields of each.
 */
export class CallScopes {
  #first: CallScope | undefined;
  /** Made when the end of them all is waited for. */
  #idle: IdleWait | undefined;

  /** A call begins. O(1). */
  add(scope: CallScope): void {
    const first = this.#first;
    scope.next = first;
    if (first !== undefined) first.previous = scope;
    this.#first = scope;
  }

  /** Its work is over. O(1). */
  delete(scope: CallScope): void {
    const { next, previous } = scope;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    scope.next = undefined;
    scope.previous = undefined;
    if (this.#first === undefined) this.#idle?.rested();
  }

  /** Resolves when none is left, or after `limitMs`. */
  async none(clock: Clock, limitMs: number): Promise<void> {
    if (this.#first === undefined) return;
    this.#idle ??= new IdleWait();
    await this.#idle.wait(clock, limitMs);
  }

  /** Breaks off all of them, and returns how many that were. */
  breakOff(): number {
    let count = 0;
    for (let scope = this.#first; scope !== undefined; count++) {
      // What hears of it may end it, and take it out of the list.
      const { next } = scope;
      scope.breakOff();
      scope = next;
    }
    return count;
  }
}
