import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { LiveRotation } from '../endpoint/rotation/rotation.js';

/**
 * With evenly spread keys an endpoint goes without a key of its own for 5 calls per member with
 * probability e^-5, 1 in 150.
 */
const PATIENCE_CALLS = 5;

/** Which call goes to which of the endpoints that wait for one that decides about their return. */
export class ProbeTurns {
  /** Calls with a key since the last probe, or since an endpoint waits for one. */
  #notItsOwn = 0;
  /** Where the search for an endpoint to probe goes on. */
  #next = 0;

  /** Goes on as this one does, by itself. */
  copy(): ProbeTurns {
    const copy = new ProbeTurns();
    copy.#notItsOwn = this.#notItsOwn;
    copy.#next = this.#next;
    return copy;
  }

  /** The rotation changed. */
  restart(): void {
    this.#next = 0;
  }

  /** The endpoint that this call decides about; undefined where there is none for it. */
  take(tried: readonly Endpoint[] | undefined, { probing }: LiveRotation): LiveEndpoint | undefined {
    // Those that are being probed already are behind: each is looked at once.
    for (; this.#next < probing.length; this.#next++) {
      const endpoint = probing[this.#next]!;
      if (endpoint.probe !== undefined || endpoint.state !== 'probing') continue;
      // Left for a call that has not been there yet.
      return tried?.includes(endpoint) ? undefined : endpoint;
    }
    return undefined;
  }

  /**
   * A returning endpoint that no key leads to (its whole priority is out, say) would wait for ever.
   * After a number of calls that were not its own, the next one that is bound to no endpoint
   * decides.
   */
  takeForWantOfOwn(tried: readonly Endpoint[] | undefined, rotation: LiveRotation): LiveEndpoint | undefined {
    if (++this.#notItsOwn < PATIENCE_CALLS * rotation.members.length) return undefined;
    this.#notItsOwn = 0;
    return this.take(tried, rotation);
  }
}
