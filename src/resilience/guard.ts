import { sessionHash } from '../affinity/store-key.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { AcquireRequest, JudgedLease, Lease, LeaseSource } from '../picking/lease.js';
import type { Clock } from '../runtime/clock.js';
import type { RoutingKey } from '../runtime/context.js';
import type { FairleadError } from '../runtime/errors.js';
import { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { isSame } from '../runtime/same.js';
import { TokenBucket } from '../runtime/token-bucket.js';
import { CircuitBreaker, type CircuitBreakerOptions, type CircuitChange } from './circuit-breaker.js';
import { ClientThrottle } from './client-throttle.js';
import { DistributedLimit } from './distributed-limit.js';
import { EndpointGates } from './endpoint-gates.js';
import { Gate, type GateParts } from './gate.js';
import { GradientLimit } from './gradient-limit.js';
import { KeyedRate } from './keyed-rate.js';
import { KeyedWindow } from './keyed-window.js';
import type { ResilienceSettings } from './options.js';
import { type RefusalReason, refusalError } from './refusal.js';
import { type Wait, WaitingLine } from './waiting-line.js';

export interface GuardHost {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Where refusals of endpoints are counted. */
  readonly meter: { refused(endpoint: Endpoint): void };
  /** A breaker changed its state; `endpoint` is undefined for the service's own. */
  breaker(endpoint: Endpoint | undefined, change: CircuitChange): void;
}

/** Waits for the end of any call. */
const ANY_END: Wait = { at: undefined, againAtMs: Number.POSITIVE_INFINITY };

/** What identifies a call to limits per key. */
export interface KeyedCall {
  readonly key: RoutingKey | undefined;
  readonly clientKey: string | undefined;
}

const NOTHING_TO_CHARGE: Promise<number> = Promise.resolve(0);

/**
 * The limits and breakers of one service, around every acquire: of the service, of its subsets, of
 * any adapter. Made only where at least one of them is configured; a service without costs nothing.
 */
export class Guard {
  /** Calls of `call()` that wait for a limit of calls in flight. */
  readonly line: WaitingLine;
  #distributed: DistributedLimit | undefined;
  readonly #host: GuardHost;
  #options: ResilienceSettings;
  readonly #service: Gate;
  /** Undefined where nothing limits single endpoints. */
  #endpoints: EndpointGates | undefined;
  #rate: KeyedRate | undefined;
  #window: KeyedWindow | undefined;
  // Of the latest refusal.
  #reason: RefusalReason = 'too_many_calls';
  #retryAfterMs = 0;
  #endsWithACall = false;
  #wait: Wait = ANY_END;

  constructor(host: GuardHost, options: ResilienceSettings) {
    this.#host = host;
    this.#options = options;
    this.line = new WaitingLine(host.clock);
    this.#service = new Gate(this.#serviceParts());
    this.#makeOthers();
  }

  /**
   * Other limits and breakers from now on. Those whose options did not change go on as they are, in
   * the midst of their calls; calls in flight stay counted.
   */
  reconfigure(options: ResilienceSettings): void {
    const before = this.#options;
    this.#options = options;
    this.#service.reconfigure(this.#serviceParts(before, this.#service.parts));
    this.#endpoints?.reconfigure(options);
    this.#makeOthers(before);
  }

  #makeOthers(before?: ResilienceSettings): void {
    const { limits, breakerPerEndpoint } = this.#options;
    const perEndpoint = [limits.maxInflightPerEndpoint, limits.adaptivePerEndpoint, limits.ratePerEndpoint];
    // Once made they stay: their calls in flight are counted there.
    if (breakerPerEndpoint !== undefined || perEndpoint.some((each) => each !== undefined)) {
      this.#endpoints ??= new EndpointGates(
        this.#options,
        (endpoint) => new Gate(this.#endpointParts(endpoint)),
        (endpoint, gate, madeBy) =>
          gate.reconfigure(this.#endpointParts(endpoint, madeBy as ResilienceSettings, gate.parts)),
        (endpoint) => this.#host.meter.refused(endpoint),
      );
    }
    const old = before?.limits;
    const { clock } = this.#host;
    this.#rate = renewed(limits.ratePerKey, old?.ratePerKey, this.#rate, (rate) => new KeyedRate(rate));
    this.#window = renewed(limits.windowPerKey, old?.windowPerKey, this.#window, (window) => new KeyedWindow(window));
    this.#distributed = renewed(
      limits.distributed,
      old?.distributed,
      this.#distributed,
      (limit) => new DistributedLimit(limit, clock),
    );
  }

  /** The limit that is shared with other processes. */
  get distributed(): DistributedLimit | undefined {
    return this.#distributed;
  }

  /** Whether anything is configured that needs a guard. */
  static needed({ breaker, breakerPerEndpoint, throttle, limits }: ResilienceSettings): boolean {
    const { maxPending: _, ...rest } = limits;
    return [breaker, breakerPerEndpoint, throttle, ...Object.values(rest)].some((each) => each !== undefined);
  }

  /** Whether the latest refusal may be waited for: the end of another call makes room. */
  get worthWaiting(): boolean {
    return this.#endsWithACall && this.#options.limits.maxPending > 0;
  }

  /** What a call waits for that was refused latest. */
  get wait(): Wait {
    return this.#wait;
  }

  /** Whether the line takes one more; where it does not, that is the latest refusal. */
  get mayLineUp(): boolean {
    return (
      this.line.length < this.#options.limits.maxPending ||
      this.#refuse('too_many_calls', this.#service.nextEndMs, true)
    );
  }

  /** Whether others are waiting, so that a newcomer has to line up behind them. */
  get crowded(): boolean {
    return this.line.crowded;
  }

  /** There may be room that no end of a call made: an endpoint came, returned or changed. */
  roomMade(): void {
    if (this.line.length > 0) this.line.next();
  }

  /** Calls in flight that passed. */
  get inflight(): number {
    return this.#service.inflight;
  }

  /**
   * Charges the key for one call; false where that is refused. A call without a key has no limit of
   * its own.
   */
  admitKey(key: string | undefined): boolean {
    if (key === undefined || (this.#rate === undefined && this.#window === undefined)) return true;
    const nowMs = this.#host.clock.now();
    const waitMs = this.#rate?.tryAcquire(key, nowMs) || this.#window?.tryAcquire(key, nowMs) || 0;
    return waitMs === 0 || this.#refuse('rate_limited', waitMs);
  }

  /**
   * Charges the limit that is shared with other processes: 0, or the milliseconds for which that is
   * refused. A routing key that limits as well may be a session's, and leaves this process as its
   * hash only.
   */
  admitDistributed(limit: DistributedLimit, call: KeyedCall): Promise<number> {
    const { key, clientKey } = call;
    if (limit.shared) return limit.tryAcquire(this.#host.name);
    if (clientKey === undefined) return NOTHING_TO_CHARGE;
    return limit.tryAcquire(clientKey === key ? sessionHash(clientKey) : clientKey);
  }

  /** A lease, or undefined where the call is refused. Throws what acquiring throws. */
  tryAcquire(request: AcquireRequest | undefined, source: LeaseSource): Lease | undefined {
    const nowMs = this.#host.clock.now();
    const waitMs = this.#service.tryEnter(nowMs);
    if (waitMs > 0) {
      const { refusedBy } = this.#service;
      this.#refuse(refusedBy, waitMs, refusedBy === 'too_many_calls');
      return undefined;
    }
    const { epoch } = this.#service;
    try {
      const passed = this.#acquire(request, source, nowMs, epoch);
      if (passed === undefined) this.#service.retract(nowMs, epoch);
      return passed;
    } catch (thrown) {
      this.#service.retract(nowMs, epoch);
      throw thrown;
    }
  }

  /** Past the service's own gate. */
  #acquire(
    request: AcquireRequest | undefined,
    source: LeaseSource,
    nowMs: number,
    epoch: number,
  ): GuardedLease | undefined {
    const gates = this.#endpoints;
    if (gates === undefined) {
      return new GuardedLease(this, source.acquire(request), undefined, nowMs, epoch, 0);
    }
    const lease = gates.acquire(source, request, nowMs);
    if (lease === undefined) {
      const { reason, againAtMs, endsWithACall, roomAtMs, at } = gates.refusal;
      this.#refuse(reason, Math.max(1, againAtMs - nowMs), endsWithACall, { at, againAtMs: roomAtMs });
      return undefined;
    }
    const gate = gates.of(lease.endpoint);
    return new GuardedLease(this, lease, gate, nowMs, epoch, gate.epoch);
  }

  /**
   * Whether the endpoint's breaker lets no call pass: an endpoint of that kind is unavailable to
   * its sessions, not full.
   */
  isShut(endpoint: Endpoint): boolean {
    if (this.#options.breakerPerEndpoint === undefined) return false;
    return this.#endpoints?.isShut(endpoint, this.#host.clock.now()) === true;
  }

  /** What refuses a call of the service, or on one endpoint, now. Changes nothing. */
  wouldRefuse(endpoint?: Endpoint): RefusalReason | undefined {
    const gate = endpoint === undefined ? this.#service : this.#endpoints?.of(endpoint);
    return gate?.wouldRefuse(this.#host.clock.now());
  }

  /** The error for what was refused latest: to be asked for before anything else can be. */
  refusal(): FairleadError {
    return refusalError(this.#reason, this.#host.name, this.#retryAfterMs);
  }

  /** The error of a call that is still in line. */
  refusalInLine(): FairleadError {
    return refusalError('too_many_calls', this.#host.name, this.#service.nextEndMs);
  }

  /** The error for what `admitDistributed` refused. */
  refusalByRate(retryAfterMs: number): FairleadError {
    return refusalError('rate_limited', this.#host.name, retryAfterMs);
  }

  /** A lease of this guard ended. */
  leave(lease: GuardedLease, outcome: Outcome): void {
    const nowMs = this.#host.clock.now();
    lease.gate?.leave(outcome, nowMs, lease.enteredMs, lease.endpointEpoch);
    this.#service.leave(outcome, nowMs, lease.enteredMs, lease.epoch);
    this.#endpoints?.left(lease.endpoint);
    if (this.line.length > 0) this.line.next(lease.endpoint);
  }

  #refuse(reason: RefusalReason, retryAfterMs: number, endsWithACall = false, wait: Wait = ANY_END): false {
    this.#reason = reason;
    this.#retryAfterMs = retryAfterMs;
    this.#endsWithACall = endsWithACall;
    this.#wait = wait;
    return false;
  }

  /** What the service's gate checks; of `parts`, which `old` options made, what did not change. */
  #serviceParts(old?: ResilienceSettings, parts: GateParts = {}): GateParts {
    const { limits, breaker, throttle } = this.#options;
    return {
      maxInflight: limits.maxInflight,
      adaptive: renewed(limits.adaptive, old?.limits.adaptive, parts.adaptive, (each) => new GradientLimit(each)),
      breaker: renewed(breaker, old?.breaker, parts.breaker, (each) => this.#breaker(each, undefined)),
      throttle: renewed(throttle, old?.throttle, parts.throttle, (each) => new ClientThrottle(each, this.#host.random)),
      rate: renewed(limits.rate, old?.limits.rate, parts.rate, (each) => new TokenBucket(each)),
    };
  }

  /** The same for the gate of an endpoint. */
  #endpointParts(endpoint: Endpoint, old?: ResilienceSettings, parts: GateParts = {}): GateParts {
    const { limits, breakerPerEndpoint } = this.#options;
    const { adaptivePerEndpoint, ratePerEndpoint } = limits;
    return {
      maxInflight: limits.maxInflightPerEndpoint,
      adaptive: renewed(
        adaptivePerEndpoint,
        old?.limits.adaptivePerEndpoint,
        parts.adaptive,
        (each) => new GradientLimit(each),
      ),
      breaker: renewed(breakerPerEndpoint, old?.breakerPerEndpoint, parts.breaker, (each) =>
        this.#breaker(each, endpoint),
      ),
      rate: renewed(ratePerEndpoint, old?.limits.ratePerEndpoint, parts.rate, (each) => new TokenBucket(each)),
    };
  }

  #breaker(options: Required<CircuitBreakerOptions>, endpoint: Endpoint | undefined): CircuitBreaker {
    return new CircuitBreaker(options, this.#host.random, (change) => this.#host.breaker(endpoint, change));
  }
}

/** What was made by options that did not change stays; else it is made anew, or there is none. */
function renewed<Options, T>(
  options: Options | undefined,
  before: Options | undefined,
  made: T | undefined,
  make: (options: Options) => T,
): T | undefined {
  if (options === undefined) return undefined;
  return made !== undefined && isSame(options, before) ? made : make(options);
}

/** A lease that also notifies the gates when it ends. */
class GuardedLease implements Lease {
  readonly endpoint: Endpoint;
  readonly gate: Gate | undefined;
  readonly enteredMs: number;
  readonly epoch: number;
  readonly endpointEpoch: number;
  readonly #inner: JudgedLease;
  #guard: Guard | undefined;

  constructor(
    guard: Guard,
    inner: JudgedLease,
    gate: Gate | undefined,
    enteredMs: number,
    epoch: number,
    endpointEpoch: number,
  ) {
    this.#guard = guard;
    this.#inner = inner;
    this.endpoint = inner.endpoint;
    this.gate = gate;
    this.enteredMs = enteredMs;
    this.epoch = epoch;
    this.endpointEpoch = endpointEpoch;
  }

  done(outcome: Outcome, hadMs?: number): void {
    const guard = this.#guard;
    if (guard === undefined) return;
    this.#guard = undefined;
    guard.leave(this, this.#inner.done(outcome, hadMs));
  }

  [Symbol.dispose](): void {
    this.done(Outcome.Cancelled);
  }
}
