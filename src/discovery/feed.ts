import type { EndpointSpec } from '../endpoint/endpoint.js';
import { toError } from '../runtime/errors.js';
import type { DiscoveryContext } from './context.js';
import type { DiscoveryStatus, Resolver, ResolverSink } from './resolver.js';

export interface FeedListener {
  /** A list other than the one before. */
  changed(specs: readonly EndpointSpec[]): void;
  failed(error: Error): void;
}

/**
 * What a resolver tells about one service: passes on the lists that are new, keeps the last good
 * one in force through errors, and knows its age. Deaf once `signal` has aborted, whatever the
 * resolver still says.
 */
export class DiscoveryFeed implements ResolverSink {
  readonly #context: DiscoveryContext;
  readonly #listener: FeedListener;
  readonly #signal: AbortSignal;
  #version = '';
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #error: Error | undefined;

  constructor(context: DiscoveryContext, listener: FeedListener, signal: AbortSignal) {
    this.#context = context;
    this.#listener = listener;
    this.#signal = signal;
  }

  follow(resolver: Resolver, service: string, params: Readonly<Record<string, unknown>>): void {
    try {
      resolver.watch({ service, params }, this, this.#signal, this.#context);
    } catch (thrown) {
      // Against its contract. Somebody else's mistake takes no service down: it has no endpoints,
      // and says why.
      this.error(toError(thrown));
    }
  }

  get status(): DiscoveryStatus {
    return { ageMs: this.#context.clock.now() - this.#confirmedAtMs, version: this.#version, error: this.#error };
  }

  readonly snapshot = (specs: readonly EndpointSpec[], version: string, ageMs = 0): void => {
    if (this.#signal.aborted) return;
    this.#confirmedAtMs = this.#context.clock.now() - ageMs;
    this.#error = undefined;
    if (version === this.#version && version !== '') return;
    this.#version = version;
    this.#listener.changed(specs);
  };

  readonly error = (thrown: Error): void => {
    if (this.#signal.aborted) return;
    this.#error = toError(thrown);
    this.#listener.failed(this.#error);
  };
}
