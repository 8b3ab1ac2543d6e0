import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Endpoint } from '../endpoint/endpoint.js';
import { type Clock, systemClock, type Timer } from '../runtime/clock.js';
import { LatencyCounts, quantilesMicros } from '../runtime/latency-counts.js';
import { number, readOptions, unchecked } from '../runtime/options.js';
import { isFailure } from '../runtime/outcome.js';
import type { CallMessage } from './channels.js';

export interface StatsOptions {
  /**
   * How far back the figures reach: between half of this and all of it; milliseconds. Default
   * 10,000; 100 to 3,600,000.
   */
  readonly windowMs?: number;
  /** For tests. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** What one endpoint did lately. */
export interface EndpointStats {
  readonly endpoint: Endpoint;
  /** Calls that ended within the window. */
  readonly calls: number;
  /** Of these, how many spoke against the endpoint. */
  readonly failures: number;
  readonly callsPerSecond: number;
  /**
   * Half of the calls took no longer; milliseconds, within 4 %. NaN without calls or without
   * `measureLatency`.
   */
  readonly p50Ms: number;
  /** 99 % of the calls took no longer; as `p50Ms`. */
  readonly p99Ms: number;
}

/** Figures per endpoint, for displays and alerts. */
export interface ServiceStats extends Disposable {
  /**
   * The endpoints that discovery lists, and those gone that still finish calls. Costs a few
   * microseconds per endpoint.
   */
  read(): readonly EndpointStats[];
  /**
   * Stops listening. Until then each call publishes a message, and each endpoint keeps 4 kB.
   * Idempotent.
   */
  close(): void;
}

/** What is needed of a service. */
export interface StatsSource {
  readonly endpoints: readonly Endpoint[];
  on(
    name: 'endpoints',
    listener: (change: { readonly arrived: readonly Endpoint[]; readonly departed: readonly Endpoint[] }) => void,
  ): () => void;
}

/**
 * Rates and response times per endpoint, from the channel `fairlead:call`. Response times need a
 * policy that measures them, or the service option `measureLatency`. Commands of a ShardedRedis are
 * not among these calls: `shardStats()` has their figures.
 *
 * ```ts
 * using stats = serviceStats(mesh.service('users'), { windowMs: 5_000 });
 * for (const { endpoint, callsPerSecond, p99Ms } of stats.read()) console.log(endpoint.spec.id, callsPerSecond, p99Ms);
 * ```
 */
export function serviceStats(service: StatsSource, options?: StatsOptions): ServiceStats {
  const { windowMs, clock } = readOptions<StatsOptions>('serviceStats', options, {
    windowMs: number(10_000, 100, 3_600_000),
    clock: unchecked<Clock>(),
  }) as { windowMs: number; clock: Clock | undefined };
  return new ChannelStats(service, windowMs, clock ?? systemClock);
}

const CHANNEL = 'fairlead:call';

const MICROSECONDS_PER_MS = 1_000;

/** One half of the window. */
class Half {
  calls = 0;
  failures = 0;
  readonly latency: LatencyCounts = new LatencyCounts();

  record({ outcome, latencyMs }: CallMessage): void {
    this.calls++;
    if (isFailure(outcome)) this.failures++;
    if (Number.isNaN(latencyMs)) return;
    this.latency.add(Math.max(Math.round(latencyMs * MICROSECONDS_PER_MS), 0));
  }

  reset(): void {
    this.calls = 0;
    this.failures = 0;
    this.latency.clear();
  }
}

interface Halves {
  current: Half;
  previous: Half;
}

/**
 * The window is two halves: calls are counted in the current one, figures are read from both, and a
 * timer swaps them. So a call costs no look at the clock, and memory stays at two histograms per
 * endpoint.
 */
class ChannelStats implements ServiceStats {
  readonly #clock: Clock;
  readonly #halfMs: number;
  readonly #halves = new Map<Endpoint, Halves>();
  readonly #departing = new Set<Endpoint>();
  readonly #stopListening: () => void;
  #swap: Timer;
  /** When the previous half began: the figures go back to there. */
  #sinceMs: number;
  #currentSinceMs: number;

  constructor(service: StatsSource, windowMs: number, clock: Clock) {
    this.#clock = clock;
    this.#halfMs = windowMs / 2;
    this.#sinceMs = clock.now();
    this.#currentSinceMs = this.#sinceMs;
    for (const endpoint of service.endpoints) this.#add(endpoint);
    this.#stopListening = service.on('endpoints', ({ arrived, departed }) => {
      for (const endpoint of arrived) this.#add(endpoint);
      for (const endpoint of departed) this.#depart(endpoint);
    });
    subscribe(CHANNEL, this.#onCall);
    this.#swap = clock.after(this.#halfMs, this.#onSwap);
  }

  read(): readonly EndpointStats[] {
    const seconds = Math.max(this.#clock.now() - this.#sinceMs, 1) / 1_000;
    return [...this.#halves].map(([endpoint, { current, previous }]) => {
      const calls = previous.calls + current.calls;
      const failures = previous.failures + current.failures;
      const [p50Ms, p99Ms] = percentilesMs(previous.latency, current.latency);
      return { endpoint, calls, failures, callsPerSecond: calls / seconds, p50Ms, p99Ms };
    });
  }

  close(): void {
    this.#swap.cancel();
    this.#stopListening();
    unsubscribe(CHANNEL, this.#onCall);
    this.#halves.clear();
    this.#departing.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  readonly #onCall = (message: unknown): void => {
    const call = message as CallMessage;
    // An endpoint that is not in the map belongs to another service, perhaps of the same name in
    // another mesh.
    this.#halves.get(call.endpoint)?.current.record(call);
    if (this.#departing.size > 0) this.#forgetIfIdle(call.endpoint);
  };

  readonly #onSwap = (): void => {
    for (const halves of this.#halves.values()) {
      const { current, previous } = halves;
      previous.reset();
      halves.current = previous;
      halves.previous = current;
    }
    this.#sinceMs = this.#currentSinceMs;
    this.#currentSinceMs = this.#clock.now();
    this.#swap = this.#clock.after(this.#halfMs, this.#onSwap);
  };

  #add(endpoint: Endpoint): void {
    this.#departing.delete(endpoint);
    if (!this.#halves.has(endpoint)) this.#halves.set(endpoint, { current: new Half(), previous: new Half() });
  }

  #depart(endpoint: Endpoint): void {
    this.#departing.add(endpoint);
    this.#forgetIfIdle(endpoint);
  }

  #forgetIfIdle(endpoint: Endpoint): void {
    if (endpoint.inflight === 0 && this.#departing.delete(endpoint)) this.#halves.delete(endpoint);
  }
}

function percentilesMs(previous: LatencyCounts, current: LatencyCounts): [p50Ms: number, p99Ms: number] {
  const counts = current.with(previous);
  const [p50, p99] = quantilesMicros(counts, previous.total + current.total, [0.5, 0.99]);
  return [p50! / MICROSECONDS_PER_MS, p99! / MICROSECONDS_PER_MS];
}
