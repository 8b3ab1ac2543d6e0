import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import { type Clock, withTimeout } from '../runtime/clock.js';
import type { RoutingKey } from '../runtime/context.js';
import { FairleadError, toError } from '../runtime/errors.js';
import type { AffinityEvent, AffinityStore } from './affinity.js';
import type { SharedSessions } from './shared-sessions.js';
import { storeKey } from './store-key.js';

/** What affinity needs of the service. */
export interface StickyHost {
  readonly name: string;
  readonly clock: Clock;
  byId(id: string): LiveEndpoint | undefined;
  moved(event: AffinityEvent): void;
  /** A store of somebody's own threw. */
  failed(error: Error): void;
}

export interface StickyOptions {
  readonly onUnavailable: 'move' | 'fail';
  /** For how long sessions stay with an endpoint that left discovery. */
  readonly drainMs: number;
}

/** Whether an endpoint may be used now for a session that is bound to it. */
type Usable = (endpoint: LiveEndpoint) => boolean;

interface Leaving {
  readonly endpoint: LiveEndpoint;
  readonly untilMs: number;
}

/**
 * Endpoints that left discovery and keep their sessions, at most: of those that left first is let
 * go.
 */
const MAX_LEAVING = 10_000;

/**
 * A key keeps its endpoint. What happens when the endpoint cannot be used is `onUnavailable`:
 * `move` picks another and keeps that, `fail` refuses the call with FAIRLEAD_AFFINITY_LOST and
 * keeps the binding for when the endpoint is back.
 */
export class StickySessions {
  readonly #host: StickyHost;
  readonly #store: AffinityStore | SharedSessions;
  readonly #options: StickyOptions;
  /** By id, those that left discovery and keep their sessions for a while; the earliest first. */
  readonly #leaving = new Map<string, Leaving>();
  /** The binding that `find` saw to be unusable and `bind` is about to replace. */
  #lost: { id: string; reason: AffinityEvent['reason'] } | undefined;

  constructor(host: StickyHost, store: AffinityStore | SharedSessions, options: StickyOptions) {
    this.#host = host;
    this.#store = store;
    this.#options = options;
  }

  get size(): number {
    return this.#store.size;
  }

  /**
   * For calls that can wait: asks a shared store about the session. Undefined where nothing must be
   * asked.
   */
  prepare(key: RoutingKey): Promise<void> | undefined {
    return 'prepare' in this.#store ? this.#store.prepare(storeKey(key)) : undefined;
  }

  /**
   * The endpoint this key is bound to, if it can be used; undefined says: pick one and `bind` it.
   */
  find(key: RoutingKey, tried: readonly Endpoint[] | undefined, usable: Usable): LiveEndpoint | undefined {
    const name = storeKey(key);
    const id = this.#get(name);
    this.#lost = undefined;
    return id === undefined ? undefined : this.#resolve(name, id, tried, usable);
  }

  /**
   * The same for a call that names its endpoint; undefined says: pick one. An id that nobody has is
   * no session.
   */
  prefer(id: string, tried: readonly Endpoint[] | undefined, usable: Usable): LiveEndpoint | undefined {
    const endpoint = this.#resolve('', id, tried, usable);
    this.#lost = undefined;
    return endpoint;
  }

  /**
   * For an attempt that runs beside another of the same call (a hedge): the session stays where it
   * is, whoever answers first, so such an attempt neither asks nor binds. Where sessions must not
   * be served elsewhere there is none.
   */
  refuseBeside(): void {
    if (this.#options.onUnavailable !== 'fail') return;
    const message = `A session of service '${this.#host.name}' is not hedged: affinity.onUnavailable is 'fail'.`;
    throw new FairleadError('FAIRLEAD_AFFINITY_LOST', message, { service: this.#host.name });
  }

  bind(key: RoutingKey, endpoint: LiveEndpoint): void {
    const name = storeKey(key);
    const lost = this.#lost;
    this.#lost = undefined;
    this.#set(name, endpoint.spec.id);
    if (lost !== undefined && lost.id !== endpoint.spec.id) {
      this.#host.moved({ key: name, from: lost.id, to: endpoint.spec.id, reason: lost.reason });
    }
  }

  /**
   * Discovery withdrew it: its sessions may stay for a while, unless it was out of rotation
   * already.
   */
  withdrawn(endpoint: LiveEndpoint): void {
    const { drainMs } = this.#options;
    if (drainMs === 0 || !endpoint.wasWell) return;
    const nowMs = this.#host.clock.now();
    this.#leaving.delete(endpoint.spec.id);
    this.#leaving.set(endpoint.spec.id, { endpoint, untilMs: nowMs + drainMs });
    // All stay equally long, so those whose time is over are in front.
    for (const [id, { untilMs }] of this.#leaving) {
      if (untilMs > nowMs && this.#leaving.size <= MAX_LEAVING) break;
      this.#leaving.delete(id);
    }
  }

  /** It failed a call after discovery had withdrawn it: it is not draining but gone. */
  abandon(endpoint: LiveEndpoint): void {
    if (this.#leaving.get(endpoint.spec.id)?.endpoint === endpoint) this.#leaving.delete(endpoint.spec.id);
  }

  /**
   * For a service that closes: bindings on their way to a shared store get there, if that takes no
   * longer than `limitMs`. Never rejects; what is lost is reported.
   */
  async flush(limitMs: number): Promise<void> {
    const { name, clock, failed } = this.#host;
    const store = this.#store;
    if (!('flush' in store) || store.unwritten === 0) return;
    if (limitMs > 0) await withTimeout(clock, limitMs, store.flush(), tooLate).catch(ignore);
    const lost = store.unwritten;
    if (lost > 0)
      failed(new Error(`Service '${name}' closed before ${lost} of its sessions were in the affinity store.`));
  }

  clear(): void {
    try {
      this.#store.clear();
    } catch (thrown) {
      this.#host.failed(toError(thrown));
    }
    this.#leaving.clear();
  }

  #resolve(name: string, id: string, tried: readonly Endpoint[] | undefined, usable: Usable): LiveEndpoint | undefined {
    const listed = this.#host.byId(id);
    const leaving = listed === undefined || listed.withdrawn ? this.#draining(id) : undefined;
    const endpoint = leaving ?? listed;
    let reason: AffinityEvent['reason'] = 'departed';
    if (endpoint !== undefined) {
      const wasTried = tried?.includes(endpoint) === true;
      const isUsable = (leaving !== undefined || !endpoint.withdrawn) && usable(endpoint);
      if (isUsable && !wasTried) return endpoint;
      reason = isUsable ? 'tried' : 'unavailable';
    }
    if (this.#options.onUnavailable === 'fail' && !(name === '' && endpoint === undefined)) {
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

  /** A session that somebody's store cannot tell is none. */
  #get(name: string): string | undefined {
    try {
      const id: unknown = this.#store.get(name);
      return typeof id === 'string' ? id : undefined;
    } catch (thrown) {
      this.#host.failed(toError(thrown));
      return undefined;
    }
  }

  #set(name: string, id: string): void {
    try {
      this.#store.set(name, id);
    } catch (thrown) {
      this.#host.failed(toError(thrown));
    }
  }

  #draining(id: string): LiveEndpoint | undefined {
    const leaving = this.#leaving.get(id);
    if (leaving === undefined) return undefined;
    if (leaving.untilMs > this.#host.clock.now()) return leaving.endpoint;
    this.#leaving.delete(id);
    return undefined;
  }
}

function tooLate(): Error {
  return new Error('The service closes.');
}

function ignore(): void {}
