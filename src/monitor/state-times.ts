import type { Endpoint, EndpointState } from '../endpoint/endpoint.js';
import type { Service } from '../service/contract.js';

/** Since when endpoints have been in the state that they are in, as far as was seen. */
export class StateTimes {
  readonly #known = new WeakMap<Endpoint, { readonly state: EndpointState; readonly sinceMs: number }>();

  /** Follows a service; returns what stops it. */
  follow(service: Service, now: () => number): () => void {
    const look = (): void => {
      const nowMs = now();
      for (const endpoint of service.endpoints) this.sinceMs(endpoint, nowMs);
    };
    look();
    return service.on('rotation', look);
  }

  sinceMs(endpoint: Endpoint, nowMs: number): number {
    const known = this.#known.get(endpoint);
    if (known?.state === endpoint.state) return known.sinceMs;
    this.#known.set(endpoint, { state: endpoint.state, sinceMs: nowMs });
    return nowMs;
  }
}
