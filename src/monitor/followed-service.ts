import type { Endpoint, EndpointState } from '../endpoint/endpoint.js';
import type { Service } from '../service/contract.js';

/** What a service itself does not remember: since when its endpoints are so, and who ejected. */
export class FollowedService {
  readonly ejections: Map<string, number> = new Map();
  readonly #known = new WeakMap<Endpoint, { readonly state: EndpointState; readonly sinceMs: number }>();
  readonly #stops: readonly (() => void)[];

  constructor(service: Service, now: () => number) {
    const look = (): void => {
      const nowMs = now();
      for (const endpoint of service.endpoints) this.sinceMs(endpoint, nowMs);
    };
    look();
    this.#stops = [
      service.on('rotation', look),
      service.on('ejected', ({ signal, enforced }) => {
        if (enforced) this.ejections.set(signal, (this.ejections.get(signal) ?? 0) + 1);
      }),
    ];
  }

  /** Since when it has been in its state, as far as was seen. */
  sinceMs(endpoint: Endpoint, nowMs: number): number {
    const known = this.#known.get(endpoint);
    if (known?.state === endpoint.state) return known.sinceMs;
    this.#known.set(endpoint, { state: endpoint.state, sinceMs: nowMs });
    return nowMs;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}
