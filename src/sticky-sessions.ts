import type { AffinityEvent, AffinityStore } from './affinity/affinity.js';
import type { RoutingKey } from './balancing/policy.js';
import type { Endpoint } from './endpoint/endpoint.js';
import type { LiveEndpoint } from './endpoint/live-endpoint.js';
import { FairleadError } from './runtime/errors.js';

/** What affinity needs of the service. */
export interface StickyHost {
  readonly name: string;
  byId(id: string): LiveEndpoint | undefined;
  moved(event: AffinityEvent): void;
}

/**
 * A key keeps its endpoint. What happens when the endpoint cannot be used is `onUnavailable`: `move` picks another and
 * keeps that, `fail` refuses the call with FAIRLEAD_AFFINITY_LOST and keeps the binding for when the endpoint is back.
 */
export class StickySessions {
  readonly #host: StickyHost;
  readonly #store: AffinityStore;
  readonly #onUnavailable: 'move' | 'fail';
  /** The binding that `find` saw to be unusable and `bind` is about to replace. */
  #lost: { id: string; reason: AffinityEvent['reason'] } | undefined;

  constructor(host: StickyHost, store: AffinityStore, onUnavailable: 'move' | 'fail') {
    this.#host = host;
    this.#store = store;
    this.#onUnavailable = onUnavailable;
  }

  get size(): number {
    return this.#store.size;
  }

  /** The endpoint this key is bound to, if it can be used; undefined says: pick one and `bind` it. */
  find(
    key: RoutingKey,
    tried: readonly Endpoint[] | undefined,
    ready: ReadonlySet<LiveEndpoint>,
  ): LiveEndpoint | undefined {
    this.#lost = undefined;
    const name = storeKey(key);
    const id = this.#store.get(name);
    if (id === undefined) return undefined;
    const endpoint = this.#host.byId(id);
    if (endpoint !== undefined && ready.has(endpoint) && !tried?.includes(endpoint)) return endpoint;
    const reason = endpoint === undefined ? 'departed' : ready.has(endpoint) ? 'tried' : 'unavailable';
    if (this.#onUnavailable === 'fail') {
      this.#host.moved({ key: name, from: id, to: undefined, reason });
      throw new FairleadError(
        'FAIRLEAD_AFFINITY_LOST',
        `The session's endpoint '${id}' of service '${this.#host.name}' is not available (${reason}); ` +
          `affinity.onUnavailable is 'fail', so no other was tried.`,
        { service: this.#host.name, endpoint: id },
      );
    }
    this.#lost = { id, reason };
    return undefined;
  }

  bind(key: RoutingKey, endpoint: LiveEndpoint): void {
    const name = storeKey(key);
    const lost = this.#lost;
    this.#lost = undefined;
    this.#store.set(name, endpoint.spec.id);
    if (lost !== undefined && lost.id !== endpoint.spec.id) {
      this.#host.moved({ key: name, from: lost.id, to: endpoint.spec.id, reason: lost.reason });
    }
  }

  clear(): void {
    this.#store.clear();
  }
}

/** Bytes as Latin-1: one character per byte, so that different keys stay different. */
function storeKey(key: RoutingKey): string {
  return typeof key === 'string' ? key : Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
