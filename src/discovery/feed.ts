import type { EndpointSpec } from '../endpoint/endpoint.js';
import type { Timer } from '../runtime/clock.js';
import { toError } from '../runtime/errors.js';
import { STOPPED } from '../runtime/stopped.js';
import type { DiscoveryContext } from './context.js';
import { DirectResolver } from './direct-resolver.js';
import type { DiscoveryStatus, Resolver, ResolverSink } from './resolver.js';

export interface FeedListener {
  /** A list other than the one before. */
  changed(specs: readonly EndpointSpec[]): void;
  failed(error: Error): void;
  /**
   * It failed, and reported a list since: before that list is passed on, where it is another one.
   */
  recovered(): void;
}

/** In a storm a list is in force this long after it came, and those in between are not. */
const PACE_MS = 50;

/** A list of this many endpoints counts twice: the longer it is, the more it costs to take in. */
const LONG = 500;

const NO_LIST: readonly EndpointSpec[] = [];

/** As many short lists as this are taken in at once after a quiet time. */
const BURST = 50;

/**
 * What a resolver reports about one service: passes on the lists that are new, keeps the last good
 * one in force through errors, and knows its age. Deaf once it was stopped, whatever the resolver
 * still says.
 *
 * Each list costs a comparison with the members, a rotation for each view and an event, and
 * adapters rebuild what they made of the one before. Many in a short time are taken together: a
 * list waits until its predecessors are paid for (a bucket, as in `TokenBucket`, with a price by
 * length), and a newer one takes its place.
 */
export class DiscoveryFeed implements ResolverSink {
  readonly #context: DiscoveryContext;
  readonly #listener: FeedListener;
  #service = '';
  /** What ends the watch. */
  #watch: AbortController | DirectResolver | undefined;
  #stopped = false;
  #version = '';
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #error: Error | undefined;
  #paidAtMs = Number.NEGATIVE_INFINITY;
  /** A list that waits to be in force. */
  #newest: readonly EndpointSpec[] = NO_LIST;
  #waiting: Timer | undefined;

  constructor(context: DiscoveryContext, listener: FeedListener) {
    this.#context = context;
    this.#listener = listener;
  }

  follow(resolver: Resolver, service: string, params: Readonly<Record<string, unknown>>): void {
    this.#service = service;
    // One whose `watch` a program has wrapped is to be asked by that.
    const isDirect = resolver instanceof DirectResolver && resolver.watch === DirectResolver.prototype.watch;
    this.#watch = isDirect ? resolver : new AbortController();
    try {
      if (this.#watch instanceof DirectResolver) this.#watch.join(service, this);
      else resolver.watch({ service, params }, this.#sink(), this.#watch.signal, this.#context);
    } catch (thrown) {
      // Against its contract. A resolver's mistake takes no service down: it has no endpoints,
      // and says why.
      this.error(toError(thrown));
    }
  }

  get status(): DiscoveryStatus {
    return { ageMs: this.#context.clock.now() - this.#confirmedAtMs, version: this.#version, error: this.#error };
  }

  /** Of plain properties: a resolver may take it apart, or spread it into one of its own. */
  #sink(): ResolverSink {
    return {
      snapshot: (specs, version, ageMs) => this.snapshot(specs, version, ageMs),
      error: (thrown) => this.error(thrown),
    };
  }

  snapshot(specs: readonly EndpointSpec[], version: string, ageMs = 0): void {
    if (this.#stopped) return;
    this.#confirmedAtMs = this.#context.clock.now() - ageMs;
    const hadFailed = this.#error !== undefined;
    this.#error = undefined;
    if (hadFailed) this.#listener.recovered();
    if (version === this.#version && version !== '') return;
    this.#version = version;
    this.#newest = specs;
    const nowMs = this.#context.clock.now();
    const waitMs = this.#paidAtMs - (BURST - 1) * PACE_MS - nowMs;
    if (waitMs <= 0) this.#take(nowMs);
    else this.#waiting ??= this.#context.clock.after(waitMs, () => this.#take(this.#context.clock.now()));
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#watch instanceof DirectResolver) this.#watch.leave(this.#service, this);
    else this.#watch?.abort(STOPPED);
    this.#waiting?.cancel();
  }

  #take(nowMs: number): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
    const specs = this.#newest;
    this.#newest = NO_LIST;
    this.#paidAtMs = Math.max(this.#paidAtMs, nowMs) + PACE_MS * (1 + specs.length / LONG);
    this.#listener.changed(specs);
  }

  error(thrown: Error): void {
    if (this.#stopped) return;
    this.#error = toError(thrown);
    this.#listener.failed(this.#error);
  }
}
