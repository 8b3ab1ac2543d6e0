import { experimental, Metadata, status } from '@grpc/grpc-js';
import { currentRoutingKey, type EventFollower, followEvents, judgeAfter, unfollowEvents } from '../../src/adapter.js';
import { type Endpoint, type ServiceEvents, type Timer, withRoutingKey } from '../../src/index.js';
import type { ChannelBinding } from './binding.js';

/**
 * What grpc-js takes for the name resolver of a channel: it notifies the channel when the service's
 * endpoints change. One per channel; it is stopped when the channel goes idle and started again
 * with the next call.
 */
export class ServiceResolver implements experimental.Resolver, EventFollower<ServiceEvents> {
  readonly #binding: ChannelBinding;
  readonly #listener: experimental.ResolverListener;
  /** Whether it listens. */
  #listens = false;
  #stopConfig: (() => void) | undefined;
  #patience: Timer | undefined;
  /** As it was last reported. */
  #aperture: readonly Endpoint[] = [];
  #published = false;

  constructor(binding: ChannelBinding, listener: experimental.ResolverListener) {
    this.#binding = binding;
    this.#listener = listener;
  }

  /** Starts to listen. Called again for every wish to have fresh data, which come by themselves. */
  updateResolution(): void {
    if (this.#listens) return;
    const { service, clock, discoveryTimeoutMs } = this.#binding;
    this.#listens = true;
    followEvents(service, this);
    // What grpc-js takes at a resolution only: throttling, and whom to ask for health.
    this.#stopConfig = this.#binding.live?.onChange(() => this.#publishIfKnown());
    // A call that finds the channel without a config waits for one, and grpc-js starts it in the
    // context of the code that resolves; one that finds the config keeps its own, and waits for a
    // connection. So the config is there at once, with the endpoints or before them. grpc-js asks
    // its resolvers not to: it says CONNECTING after it has asked, unless something else was said
    // by then, and that is all (1.14).
    this.#publishIfKnown();
    // Or the channel was closed by code that heard of it.
    if (this.#published || !this.#listens) return;
    const late = (): void => this.#reportUnlessKnown(`discovery has not answered within ${discoveryTimeoutMs} ms`);
    this.#patience = judgeAfter(clock, discoveryTimeoutMs, late, 'after');
    queueMicrotask(() => {
      // A service that has no endpoint yet may soon have one: calls wait for it as long as for
      // discovery itself.
      if (!this.#listens || this.#published) return;
      this.#publishIfKnown();
      // Discovery may have failed before this listened: calls need not wait to hear of it.
      const { error } = service.discovery;
      if (error !== undefined) this.#reportUnlessKnown(error.message);
    });
    this.#await();
  }

  endpoints(): void {
    if (this.#published) this.#publish();
    else this.#publishIfKnown();
  }

  /**
   * Which endpoints this client should know may change with their health, while discovery says
   * nothing new.
   */
  rotation(): void {
    const { usedEndpoints, endpoints } = this.#binding.service;
    // The service has none: its endpoints change by discovery alone.
    if (usedEndpoints === endpoints) return;
    const known = this.#aperture;
    if (usedEndpoints.length !== known.length || usedEndpoints.some((endpoint, i) => endpoint !== known[i]))
      this.#publish();
  }

  error({ message }: Error): void {
    this.#reportUnlessKnown(message);
  }

  destroy(): void {
    if (this.#listens) unfollowEvents(this.#binding.service, this);
    this.#listens = false;
    this.#stopConfig?.();
    this.#stopConfig = undefined;
    this.#published = false;
    this.#patience?.cancel();
  }

  #isKnown(): boolean {
    return this.#binding.service.discovery.ageMs !== Number.POSITIVE_INFINITY;
  }

  #publishIfKnown(): void {
    // Those that are all listed as unhealthy are none: one of them may soon be well.
    if (this.#binding.service.usedEndpoints.length > 0) this.#publish();
  }

  /** Calls wait for what discovery will say. */
  #await(): void {
    this.#binding.awaitsEndpoints = true;
    this.#tell(experimental.statusOrFromValue([]));
  }

  #publish(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
    this.#published = true;
    this.#binding.awaitsEndpoints = false;
    this.#aperture = this.#binding.service.usedEndpoints;
    this.#tell(experimental.statusOrFromValue([]));
  }

  /**
   * Errors matter to calls only while there is nothing to go by: later, the last good list is in
   * force.
   */
  #reportUnlessKnown(reason: string): void {
    if (this.#isKnown()) {
      this.#publish();
      return;
    }
    this.#binding.awaitsEndpoints = false;
    const details = `The endpoints of service '${this.#binding.service.name}' are not known: ${reason}.`;
    this.#tell(experimental.statusOrFromError({ code: status.UNAVAILABLE, details, metadata: new Metadata() }));
  }

  #tell(result: experimental.StatusOr<experimental.Endpoint[]>): void {
    const { attributes, serviceConfig } = this.#binding;
    const config = experimental.statusOrFromValue(serviceConfig);
    const tell = (): void => void this.#listener(result, attributes, config, '');
    // grpc-js starts the calls that waited for this in the context of the code that resolves, which
    // is often the context of the call that came first: its key must not become the others'. (Where
    // no key is set, none is: that costs nothing.)
    if (currentRoutingKey() === undefined) tell();
    else withRoutingKey(undefined, tell);
  }
}
