import { addressOf, type EndpointSpec, sameAddress } from '../endpoint/endpoint.js';
import type { Clock } from '../runtime/clock.js';

export interface ShrinkGuardOptions {
  /**
   * A list that lost more than this share of its (healthy) endpoints at once is sharply shrunk; 0
   * to 1.
   */
  readonly maxShrinkRatio: number;
  /**
   * How long after it was first seen a shrunk list is confirmed by another read, while all was well
   * before.
   */
  readonly confirmMs: number;
  /**
   * The same after trouble: a registry that lost its state, or whose checks have not run yet, lists
   * too few at first.
   */
  readonly graceMs: number;
}

export interface Verdict {
  /** The endpoints to use now. */
  readonly endpoints: readonly EndpointSpec[];
  /** How many of them are kept although the registry does not list them, or not as healthy. */
  readonly held: number;
  /** When another read may decide about those; 0 where nothing is held. */
  readonly recheckMs: number;
}

/**
 * Does not believe an empty or sharply shrunk list until it was read again after a while: one in
 * which too many are missing, or are no longer healthy. What such a list adds or changes is
 * believed at once; only what it takes away waits, because a call to an instance that is gone costs
 * one try, and a wrongly empty list costs all of them. An instance that is listed under another id
 * at the same address has not departed.
 *
 * After trouble it does not believe a list either that only lacks a few of those before: a registry
 * that lost its state gets its instances back one by one, and each list on the way is such a one. A
 * store that believed it would change the owners of keys, and write where nobody reads later.
 */
export class ShrinkGuard {
  readonly #clock: Clock;
  readonly #options: ShrinkGuardOptions;
  #told: readonly EndpointSpec[] = [];
  /** How many there were when all were last believed, and how many of them healthy. */
  #registered = 0;
  #healthy = 0;
  #shrunkAtMs = Number.NaN;
  #troubleAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, options: ShrinkGuardOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /**
   * The registry failed, restarted or is not sure of what it says: shrunk lists wait for the grace
   * period from now.
   */
  trouble(): void {
    this.#troubleAtMs = this.#clock.now();
  }

  /** Milliseconds until a held list may be confirmed; 0 where nothing is held. */
  get recheckMs(): number {
    if (Number.isNaN(this.#shrunkAtMs)) return 0;
    return Math.max(1, this.#shrunkAtMs + this.#holdMs - this.#clock.now());
  }

  admit(listed: readonly EndpointSpec[]): Verdict {
    const sharp = this.#isSharp(listed.length, this.#registered) || this.#isSharp(countHealthy(listed), this.#healthy);
    const nowMs = this.#clock.now();
    if (!sharp && !(this.#isTroubled(nowMs) && this.#isPart(listed))) return this.#believe(listed);
    const kept = this.#takenAwayBy(listed).filter(({ id }) => sharp || !listed.some((spec) => spec.id === id));
    if (kept.length === 0) return this.#believe(listed);
    if (Number.isNaN(this.#shrunkAtMs)) this.#shrunkAtMs = nowMs;
    else if (nowMs - this.#shrunkAtMs >= this.#holdMs) return this.#believe(listed);
    const ids = new Set(kept.map((spec) => spec.id));
    this.#told = [...listed.filter((spec) => !ids.has(spec.id)), ...kept];
    return { endpoints: this.#told, held: kept.length, recheckMs: this.recheckMs };
  }

  get #holdMs(): number {
    const { confirmMs, graceMs } = this.#options;
    return this.#isTroubled(this.#shrunkAtMs) ? Math.max(confirmMs, graceMs) : confirmMs;
  }

  /** Nothing is new in it. */
  #isPart(listed: readonly EndpointSpec[]): boolean {
    const known = new Map(this.#told.map((spec) => [spec.id, spec]));
    return listed.every((spec) => {
      const before = known.get(spec.id);
      return before !== undefined && sameAddress(before, spec);
    });
  }

  /** There was trouble, or what is held began in it. */
  #isTroubled(nowMs: number): boolean {
    const { graceMs } = this.#options;
    const fromMs = Number.isNaN(this.#shrunkAtMs) ? nowMs : this.#shrunkAtMs;
    return fromMs - this.#troubleAtMs < graceMs;
  }

  #isSharp(count: number, before: number): boolean {
    if (before === 0) return false;
    return count === 0 || count < before * (1 - this.#options.maxShrinkRatio);
  }

  #believe(listed: readonly EndpointSpec[]): Verdict {
    this.#told = listed;
    this.#registered = listed.length;
    this.#healthy = countHealthy(listed);
    this.#shrunkAtMs = Number.NaN;
    return { endpoints: listed, held: 0, recheckMs: 0 };
  }

  /** Those that are missing, and those that were healthy and are no longer. */
  #takenAwayBy(listed: readonly EndpointSpec[]): readonly EndpointSpec[] {
    const byId = new Map(listed.map((spec) => [spec.id, spec]));
    const addresses = new Set(listed.map(addressOf));
    return this.#told.filter((spec) => {
      const now = byId.get(spec.id);
      if (now === undefined) return !addresses.has(addressOf(spec));
      return now.healthy === false && spec.healthy !== false && sameAddress(now, spec);
    });
  }
}

function countHealthy(specs: readonly EndpointSpec[]): number {
  let count = 0;
  for (const spec of specs) if (spec.healthy !== false) count++;
  return count;
}
