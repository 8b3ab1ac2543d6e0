import type { Endpoint } from '../endpoint/endpoint.js';
import type { AcquireRequest, JudgedLease, LeaseSource } from '../picking/lease.js';
import { Outcome } from '../runtime/outcome.js';
import type { Gate } from './gate.js';
import type { RefusalReason } from './refusal.js';

/**
 * Endpoints asked at most for one call when those that were picked are at their limits. When so
 * many in a row are, so are nearly all, and going through the rest would make a refusal costly
 * exactly when there are many.
 */
const MAX_PICKS = 16;

/** Why no endpoint lets a call pass. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** When it is worth another try: an estimate for callers. */
  readonly againAtMs: number;
  /** Whether it may be waited for: an end of a call makes room. */
  readonly endsWithACall: boolean;
  /** When there is room without an end of a call; Infinity for never. */
  readonly roomAtMs: number;
  /** The only endpoint that the call may go to; undefined where others may make room as well. */
  readonly at: Endpoint | undefined;
}

/**
 * That no endpoint of a source has room: true until a call ends, the rotation changes or the time
 * has come.
 */
interface Full {
  readonly rotation: object;
  readonly untilMs: number;
  readonly refusal: Refusal;
}

/** How long such a sample is trusted; below the smallest retry-after we return. */
const SAMPLE_HOLDS_MS = 1;

/**
 * Where a sample was full, another is looked at after this long for calls that wait: one of those
 * not seen may have room.
 */
const NEXT_SAMPLE_MS = 10;

/**
 * Sources that are remembered to be full, at most: a service has one, and one more for each subset.
 */
const MAX_FULL = 64;

/** A gate, and the options it was made by. */
interface Dated {
  readonly gate: Gate;
  madeBy: object;
}

/**
 * The limits and breakers of single endpoints: a call goes to another one while that which was
 * picked is at its own. Once all of a source were found to be, that is remembered, so that a flood
 * of refused calls is not a flood of picks.
 */
export class EndpointGates {
  readonly #create: (endpoint: Endpoint) => Gate;
  readonly #renew: (endpoint: Endpoint, gate: Gate, madeBy: object) => void;
  readonly #refused: (endpoint: Endpoint) => void;
  readonly #gates = new WeakMap<Endpoint, Dated>();
  /** The options that gates are to be made by. */
  #options: object;
  readonly #full = new Map<LeaseSource, Full>();
  #refusal: Refusal | undefined;
  /** Where a call ended last: a sample of many that are full would seldom find it. */
  #freed: Endpoint | undefined;

  /**
   * `renew` brings a gate up to date that was made by other options, when it is asked for;
   * `refused` is told of each endpoint that did not let a call pass.
   */
  constructor(
    options: object,
    create: (endpoint: Endpoint) => Gate,
    renew: (endpoint: Endpoint, gate: Gate, madeBy: object) => void,
    refused: (endpoint: Endpoint) => void,
  ) {
    this.#options = options;
    this.#create = create;
    this.#renew = renew;
    this.#refused = refused;
  }

  /** Other options from now on. */
  reconfigure(options: object): void {
    this.#options = options;
    this.#full.clear();
  }

  /** Why the latest refused call was refused; defined once one was. */
  get refusal(): Refusal {
    return this.#refusal!;
  }

  of(endpoint: Endpoint): Gate {
    const known = this.#gates.get(endpoint);
    if (known === undefined) {
      const gate = this.#create(endpoint);
      this.#gates.set(endpoint, { gate, madeBy: this.#options });
      return gate;
    }
    if (known.madeBy !== this.#options) {
      this.#renew(endpoint, known.gate, known.madeBy);
      known.madeBy = this.#options;
    }
    return known.gate;
  }

  /** Whether the endpoint's breaker lets no call pass. */
  isShut(endpoint: Endpoint, nowMs: number): boolean {
    return this.#gates.has(endpoint) && this.of(endpoint).isShut(nowMs);
  }

  /** A call that had passed ended on this endpoint: what was full is so no longer. */
  left(endpoint: Endpoint): void {
    this.#freed = endpoint;
    if (this.#full.size > 0) this.#full.clear();
  }

  /**
   * A lease that passed its endpoint's gate; undefined where the call is refused. Throws what the
   * source throws.
   */
  acquire(source: LeaseSource, request: AcquireRequest | undefined, nowMs: number): JudgedLease | undefined {
    const full = this.#full.size > 0 ? this.#full.get(source) : undefined;
    if (full !== undefined && full.rotation === source.rotation && nowMs < full.untilMs) {
      this.#refusal = full.refusal;
      return undefined;
    }
    const lease = source.acquire(request);
    return this.of(lease.endpoint).tryEnter(nowMs) === 0 ? lease : this.#search(source, request, nowMs, lease);
  }

  /** Picks on until an endpoint lets the call pass; `refused` is on one that did not. */
  #search(
    source: LeaseSource,
    { key, prefer, tried: triedBefore = [], beside: isBeside = false }: AcquireRequest = {},
    nowMs: number,
    refused: JudgedLease,
  ): JudgedLease | undefined {
    // A session that is served elsewhere while its endpoint is full has not left it; one that
    // begins here may begin there.
    const beside = isBeside || source.foundSession;
    const refusing: Endpoint[] = [];
    const found = new Findings();
    let tried: Endpoint[] = triedBefore.length === 0 ? refusing : [...triedBefore];
    for (let lease: JudgedLease | undefined = refused; ; lease = another(source, { key, prefer, tried, beside })) {
      if (lease === undefined) {
        this.#refusal = found.refusal(refusing.length === 1 ? refusing[0] : undefined);
        return undefined;
      }
      const { endpoint } = lease;
      if (!refusing.includes(endpoint)) {
        const gate = this.of(endpoint);
        const waitMs = gate.tryEnter(nowMs);
        if (waitMs === 0) return lease;
        found.add(gate.refusedBy, nowMs + waitMs);
        refusing.push(endpoint);
        this.#refused(endpoint);
        if (tried !== refusing) tried.push(endpoint);
      } else if (tried === refusing) {
        lease.done(Outcome.Cancelled);
        return this.#refuse(source, found.refusal(), found.roomAtMs);
      } else {
        // There is none left but those that this call tried before: they may have room.
        tried = refusing;
      }
      lease.done(Outcome.Cancelled);
      if (refusing.length >= MAX_PICKS) {
        const freed = key === undefined && prefer === undefined ? this.#onFreed(source, refusing, nowMs) : undefined;
        if (freed !== undefined) return freed;
        found.roomAtMs = Math.min(found.roomAtMs, nowMs + NEXT_SAMPLE_MS);
        return this.#refuse(source, found.refusal(), Math.min(found.roomAtMs, nowMs + SAMPLE_HOLDS_MS));
      }
    }
  }

  /** A lease where a call ended last, if there is room still. */
  #onFreed(source: LeaseSource, refusing: readonly Endpoint[], nowMs: number): JudgedLease | undefined {
    const freed = this.#freed;
    this.#freed = undefined;
    if (freed === undefined || refusing.includes(freed)) return undefined;
    const lease = another(source, { prefer: freed.spec.id });
    if (lease === undefined || (lease.endpoint === freed && this.of(freed).tryEnter(nowMs) === 0)) return lease;
    lease.done(Outcome.Cancelled);
    return undefined;
  }

  /** Remembers that the source is full. */
  #refuse(source: LeaseSource, refusal: Refusal, untilMs: number): undefined {
    this.#refusal = refusal;
    if (this.#full.size >= MAX_FULL) this.#full.clear();
    this.#full.set(source, { rotation: source.rotation, untilMs, refusal });
  }
}

/** What the gates that were asked for one call said. */
class Findings {
  roomAtMs: number = Number.POSITIVE_INFINITY;
  #reason: RefusalReason = 'too_many_calls';
  #againAtMs = Number.POSITIVE_INFINITY;
  #endsWithACall = false;

  add(reason: RefusalReason, againAtMs: number): void {
    if (againAtMs < this.#againAtMs) {
      this.#againAtMs = againAtMs;
      this.#reason = reason;
    }
    if (reason === 'too_many_calls') this.#endsWithACall = true;
    else this.roomAtMs = Math.min(this.roomAtMs, againAtMs);
  }

  refusal(at?: Endpoint): Refusal {
    return {
      reason: this.#reason,
      againAtMs: this.#againAtMs,
      endsWithACall: this.#endsWithACall,
      roomAtMs: this.roomAtMs,
      at,
    };
  }
}

/**
 * Undefined where there is no other for this call (its session stays with the one that is full,
 * say).
 */
function another(source: LeaseSource, request: AcquireRequest): JudgedLease | undefined {
  try {
    return source.acquire(request);
  } catch {
    return undefined;
  }
}
