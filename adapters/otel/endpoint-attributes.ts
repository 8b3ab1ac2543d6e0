import type { Attributes } from '@opentelemetry/api';

export const STATES = ['ready', 'unhealthy', 'ejected', 'probing', 'draining'] as const;

/** The attributes of the series of one endpoint. */
export class EndpointAttributes {
  readonly own: Attributes;
  /** In the order of `STATES`. */
  readonly states: readonly Attributes[];
  readonly retry: Attributes;
  readonly hedge: Attributes;

  constructor(service: string, id: string) {
    const own = { 'fairlead.service': service, 'fairlead.endpoint': id };
    this.own = own;
    this.states = STATES.map((state) => ({ ...own, 'fairlead.endpoint.state': state }));
    this.retry = { ...own, 'fairlead.repeat': 'retry' };
    this.hedge = { ...own, 'fairlead.repeat': 'hedge' };
  }
}

type ByService = Map<string, Map<string, EndpointAttributes>>;

/**
 * Attributes are the same at every collection, so they are made once, and kept while collections
 * ask for them: of 1,000 endpoints 8,000 objects.
 */
export class KeptAttributes {
  #asked: ByService = new Map();
  #before: ByService = new Map();

  /** A collection begins: what the last one did not ask for goes. */
  begin(): void {
    this.#before = this.#asked;
    this.#asked = new Map();
  }

  of(service: string, id: string): EndpointAttributes {
    let byId = this.#asked.get(service);
    if (byId === undefined) {
      byId = new Map();
      this.#asked.set(service, byId);
    }
    let attributes = byId.get(id);
    if (attributes === undefined) {
      attributes = this.#before.get(service)?.get(id) ?? new EndpointAttributes(service, id);
      byId.set(id, attributes);
    }
    return attributes;
  }
}
