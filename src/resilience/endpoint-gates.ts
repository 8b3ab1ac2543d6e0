import type { Endpoint } from '../endpoint/endpoint.js';
import type { AcquireRequest, Lease, LeaseSource } from '../picking/lease.js';
import { Outcome } from '../runtime/outcome.js';
import type { Gate } from './gate.js';
import type { RefusalReason } from './refusal.js';

/**
 * Endpoints asked at most for one call when those that were picked are at their limits. When so
 * many in a row are, so are nearly all, and going through the rest would make a refusal costly
 * exactly when there are many.
 */
const MAX_PICKS = 16;

/**
 * That no endpoint of a source lets a call pass, or none of those asked: true until a call ends,
 * the rotation changes or the time has come.
 */
interface Full {
  readonly rotation: object;
  readonly reason: RefusalReason;
  readonly untilMs: number;
  /** When it is worth another try. */
  readonly againAtMs: number;
}

/** How long such a sample is trusted; below the smallest retry-after we return. */
const SAMPLE_HOLDS_MS = 1;

/**
 * Sources that are remembered to be full, at most: a service has one, and one more for each subset.
 */
const MAX_FULL = 64;

/**
 * The limits and breakers of single endpoints: a call goes to another one while that which was
 * picked is at its own. Once all of a source were found to be, that is remembered, so that a flood
 * of refused calls is not a flood of picks.
 */
export class EndpointGates {
  readonly #create: (endpoint: Endpoint) => Gate;
  readonly #lease: (source: LeaseSource, request: AcquireRequest | undefined) => Lease;
  readonly #gates = new WeakMap<Endpoint, Gate>();
  readonly #full = new Map<LeaseSource, Full>();
  #refusedBy: RefusalReason = 'too_many_calls';

  constructor(
    create: (endpoint: Endpoint) => Gate,
    lease: (source: LeaseSource, request: AcquireRequest | undefined) => Lease,
  ) {
    this.#create = create;
    this.#lease = lease;
  }

  /** Why the latest refused call was refused. */
  get refusedBy(): RefusalReason {
    return this.#refusedBy;
  }

  of(endpoint: Endpoint): Gate {
    let gate = this.#gates.get(endpoint);
    if (gate === undefined) {
      gate = this.#create(endpoint);
      this.#gates.set(endpoint, gate);
    }
    return gate;
  }

  /** A call that had passed ended: what was full is so no longer. */
  left(): void {
    if (this.#full.size > 0) this.#full.clear();
  }

  /**
   * A lease that passed its endpoint's gate, or the milliseconds until it is worth another try.
   * Throws what leasing does.
   */
  acquire(source: LeaseSource, request: AcquireRequest | undefined, nowMs: number): Lease | number {
    const full = this.#full.size > 0 ? this.#full.get(source) : undefined;
    if (full !== undefined && full.rotation === source.rotation && nowMs < full.untilMs) {
      this.#refusedBy = full.reason;
      return Math.max(1, full.againAtMs - nowMs);
    }
    const lease = this.#lease(source, request);
    const waitMs = this.of(lease.endpoint).tryEnter(nowMs);
    return waitMs === 0 ? lease : this.#search(source, request, nowMs, lease);
  }

  /** Picks on until an endpoint lets the call pass; `refused` is on one that did not. */
  #search(
    source: LeaseSource,
    { key, prefer, tried: triedBefore = [] }: AcquireRequest = {},
    nowMs: number,
    refused: Lease,
  ): Lease | number {
    // A session that is served elsewhere while its endpoint is full has not left it; one that
    // begins here may begin there.
    const beside = source.foundSession;
    const refusing: Endpoint[] = [];
    let tried: Endpoint[] = triedBefore.length === 0 ? refusing : [...triedBefore];
    let soonestMs = Number.POSITIVE_INFINITY;
    let untilMs = Number.POSITIVE_INFINITY;
    for (let lease: Lease | undefined = refused; ; lease = this.#another(source, { key, prefer, tried, beside })) {
      if (lease === undefined) return soonestMs;
      const { endpoint } = lease;
      if (!refusing.includes(endpoint)) {
        const gate = this.of(endpoint);
        const waitMs = gate.tryEnter(nowMs);
        if (waitMs === 0) return lease;
        if (waitMs < soonestMs) {
          soonestMs = waitMs;
          this.#refusedBy = gate.refusedBy;
        }
        if (gate.refusedBy !== 'too_many_calls') untilMs = Math.min(untilMs, nowMs + waitMs);
        refusing.push(endpoint);
        if (tried !== refusing) tried.push(endpoint);
      } else if (tried === refusing) {
        lease.done(Outcome.Cancelled);
        return this.#refuse(source, nowMs, soonestMs, untilMs);
      } else {
        // There is none left but those that this call tried before: they may have room.
        tried = refusing;
      }
      lease.done(Outcome.Cancelled);
      if (refusing.length >= MAX_PICKS) {
        return this.#refuse(source, nowMs, soonestMs, Math.min(untilMs, nowMs + SAMPLE_HOLDS_MS));
      }
    }
  }

  /**
   * Undefined where there is no other for this call (its session stays with the one that is full,
   * say).
   */
  #another(source: LeaseSource, request: AcquireRequest): Lease | undefined {
    try {
      return this.#lease(source, request);
    } catch {
      return undefined;
    }
  }

  /**
   * Remembers that the source is full, and gives the milliseconds until it is worth another try.
   */
  #refuse(source: LeaseSource, nowMs: number, waitMs: number, untilMs: number): number {
    if (this.#full.size >= MAX_FULL) this.#full.clear();
    const { rotation } = source;
    this.#full.set(source, { rotation, reason: this.#refusedBy, untilMs, againAtMs: nowMs + waitMs });
    return waitMs;
  }
}
