import { CallMeter, Extra } from '../endpoint/call-meter.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock, Timer } from '../runtime/clock.js';
import { Durations } from '../runtime/durations.js';
import { bucketOf } from '../runtime/latency-counts.js';
import type { Outcome } from '../runtime/outcome.js';
import { OperationMeter, type OperationSystem } from './operation-meter.js';
import { TICK_MS, Windows } from './windows.js';

/** An endpoint that left and has no calls any more is shown this long, as counters want it. */
const SHOWN_AFTER_MS = 300_000;

/** What is kept of an endpoint that had calls. */
export interface MeteredEndpoint {
  readonly endpoint: LiveEndpoint;
  readonly windows: Windows;
  /** When it was seen to be gone and idle; undefined while it is not. */
  idleSinceMs: number | undefined;
}

const NONE: ReadonlyMap<LiveEndpoint, MeteredEndpoint> = new Map();

/**
 * Counts the calls of one service while it is on: for the service as a whole, for each outcome and
 * for each endpoint. Endpoints that left are forgotten five minutes after their last call; what
 * they did stays in the figures of the service, which never fall.
 */
export class ServiceMeter {
  /** Whether calls are to be counted: every call asks. */
  on = false;
  readonly #clock: Clock;
  /** Made when it is first on, or read; so are the rest: most services are not looked at. */
  #total: CallMeter | undefined;
  /** By outcome, made by the first call that ended so. */
  #latency: (Durations | undefined)[] | undefined;
  #endpoints: Map<LiveEndpoint, MeteredEndpoint> | undefined;
  #operations: Map<OperationSystem, OperationMeter> | undefined;
  #windows: Windows | undefined;
  #ticks = 0;
  #timer: Timer | undefined;
  #sinceMs = Number.NaN;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What was counted stays, and grows on when it is on again. Idempotent. */
  turn(on: boolean): void {
    if (on === this.on) return;
    this.on = on;
    this.#timer?.cancel();
    if (!on) return;
    const nowMs = this.#clock.now();
    this.#sinceMs = nowMs;
    this.#windows = new Windows(this.total, nowMs);
    for (const metered of this.#endpoints?.values() ?? []) this.#add(metered.endpoint, nowMs);
    this.#tickLater();
  }

  /** A call ended; `micros` is -1 where it was not timed. Hot path. */
  record(endpoint: LiveEndpoint, outcome: Outcome, micros: number): void {
    const bucket = micros < 0 ? -1 : bucketOf(micros);
    const meter = endpoint.meter ?? this.#meterFor(endpoint);
    meter.add(outcome, micros, bucket);
    this.total.add(outcome, micros, bucket);
    if (bucket < 0) return;
    this.#latency ??= [];
    this.#latency[outcome] ??= new Durations();
    this.#latency[outcome].add(micros);
  }

  /** A lease was given: after others that failed it is a retry, beside others a hedge. Hot path. */
  granted(endpoint: LiveEndpoint, tried: readonly unknown[], beside: boolean | undefined): void {
    if (tried.length > 0) this.#count(endpoint, beside === true ? Extra.hedges : Extra.retries, 1);
  }

  /** A limit or the breaker of an endpoint let a call not pass. */
  refused(endpoint: LiveEndpoint): void {
    this.#count(endpoint, Extra.refused, 1);
  }

  /** Bytes that an attempt, or a connection, had on its way. */
  bytes(endpoint: LiveEndpoint, sent: number, received: number): void {
    this.#count(endpoint, Extra.sentBytes, sent);
    this.#count(endpoint, Extra.receivedBytes, received);
  }

  #count(endpoint: LiveEndpoint, extra: number, by: number): void {
    if (this.on) (endpoint.meter ?? this.#meterFor(endpoint)).extras[extra]! += by;
  }

  /** Of the adapters that speak this protocol. */
  operationsOf(system: OperationSystem): OperationMeter {
    this.#operations ??= new Map();
    let meter = this.#operations.get(system);
    if (meter === undefined) {
      meter = new OperationMeter(system);
      this.#operations.set(system, meter);
    }
    return meter;
  }

  get operations(): Iterable<OperationMeter> {
    return this.#operations?.values() ?? [];
  }

  /** Since when it has been on; NaN where it never was. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get total(): CallMeter {
    this.#total ??= new CallMeter();
    return this.#total;
  }

  /** Of the service as a whole; undefined before it was on. */
  get windows(): Windows | undefined {
    return this.#windows;
  }

  /** Undefined where no timed call ended so. */
  latency(outcome: Outcome): Durations | undefined {
    return this.#latency?.[outcome];
  }

  /** Those that had calls, but for those that left long ago. */
  get endpoints(): ReadonlyMap<LiveEndpoint, MeteredEndpoint> {
    this.#forget();
    return this.#endpoints ?? NONE;
  }

  #meterFor(endpoint: LiveEndpoint): CallMeter {
    endpoint.meter = new CallMeter();
    this.#add(endpoint, this.#clock.now());
    return endpoint.meter;
  }

  #add(endpoint: LiveEndpoint, nowMs: number): void {
    const windows = new Windows(endpoint.meter!, nowMs);
    this.#endpoints ??= new Map();
    this.#endpoints.set(endpoint, { endpoint, windows, idleSinceMs: undefined });
  }

  #forget(): void {
    if (this.#endpoints === undefined) return;
    const nowMs = this.#clock.now();
    for (const [endpoint, metered] of this.#endpoints) {
      if (endpoint.state !== 'draining' || endpoint.inflight > 0) {
        metered.idleSinceMs = undefined;
        continue;
      }
      metered.idleSinceMs ??= nowMs;
      if (nowMs - metered.idleSinceMs < SHOWN_AFTER_MS) continue;
      this.#endpoints.delete(endpoint);
      endpoint.meter = undefined;
    }
  }

  #tickLater(): void {
    this.#timer = this.#clock.after(TICK_MS, () => {
      this.#ticks++;
      const nowMs = this.#clock.now();
      this.#windows?.tick(this.#ticks, nowMs);
      this.#forget();
      for (const { windows } of this.#endpoints?.values() ?? []) windows.tick(this.#ticks, nowMs);
      this.#tickLater();
    });
  }
}
