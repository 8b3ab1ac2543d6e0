import type { Endpoint } from '../endpoint/endpoint.js';

/**
 * The places of endpoints in a list, without a search: for pickers that keep numbers by endpoint in
 * typed arrays. A Map from endpoint to place would cost several times as much per call.
 */
export class EndpointSlots {
  #endpoints: readonly Endpoint[] = [];
  #byOrdinal: Int32Array = new Int32Array(0);

  update(endpoints: readonly Endpoint[]): void {
    let highest = -1;
    for (const { ordinal } of endpoints) if (ordinal > highest) highest = ordinal;
    this.#endpoints = endpoints;
    this.#byOrdinal = new Int32Array(highest + 1);
    for (let slot = 0; slot < endpoints.length; slot++) this.#byOrdinal[endpoints[slot]!.ordinal] = slot;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** The endpoint's place in the list, -1 where it is not in it. */
  of(endpoint: Endpoint): number {
    const slot = this.#byOrdinal[endpoint.ordinal];
    // One that left may share its ordinal with one that came.
    return slot !== undefined && this.#endpoints[slot] === endpoint ? slot : -1;
  }
}
