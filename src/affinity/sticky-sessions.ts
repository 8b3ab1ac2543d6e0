import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import { withTimeout } from '../runtime/clock.js';
import { checkBinaryKey, type RoutingKey } from '../runtime/context.js';
import { FairleadError } from '../runtime/errors.js';
import type { AffinityEvent, AffinityMoveReason } from './affinity.js';
import { DrainingEndpoints } from './draining-endpoints.js';
import type { Home, SessionBook } from './session-book.js';
import { SessionsInUse } from './sessions-in-use.js';
import { sessionHash } from './store-key.js';
import { Strangers, type StrangersHost } from './strangers.js';
import { TableBook } from './table-book.js';

/** What affinity needs of the service. */
export interface StickyHost extends StrangersHost {
  readonly name: string;
  byId(id: string): LiveEndpoint | undefined;
  moved(event: AffinityEvent): void;
  /** A store failed. */
  failed(error: Error): void;
}

export interface StickyOptions {
  readonly onUnavailable: 'move' | 'fail';
  readonly ttlMs: number;
  readonly capacity: number;
  /** How long sessions stay with an endpoint that left discovery. */
  readonly drainMs: number;
}

/** The part of the service that a call picks among. */
export interface StickyView {
  /** Whose sessions its calls are: '' the service's, else those of subsets of this name. */
  readonly sessions: string;
  readonly members: readonly LiveEndpoint[];
  /** Whether an endpoint may be used now for a session that is bound to it. */
  usable(endpoint: LiveEndpoint): boolean;
}

/** What becomes of a call's session. */
export interface SessionPreview {
  /**
   * `bound`: it stays where it is; `moves`: its endpoint cannot be used; `begins`: it is new;
   * `placed`: it is new and the table is full, so that its key alone says where it goes.
   */
  readonly state: 'bound' | 'moves' | 'begins' | 'placed';
  /** The id of the endpoint that it is bound to. */
  readonly home: string | undefined;
  /** Where it sends the call; undefined: the policy picks. */
  readonly endpoint: LiveEndpoint | undefined;
}

/** Begins the names of subsets without one, whose sessions are never shared. */
const UNNAMED = '\0';
let unnamed = 0;

/** A name for the sessions of a subset that has none. */
export function unnamedSessions(): string {
  return `${UNNAMED}${unnamed++}`;
}

/**
 * A key keeps its endpoint. What happens when the endpoint cannot be used is `onUnavailable`:
 * `move` picks another and keeps that, `fail` refuses the call with FAIRLEAD_AFFINITY_LOST and
 * keeps the binding for when the endpoint is back.
 *
 * `find` looks a session up, `bind` binds the one that was looked for last; in between a view
 * picks.
 */
export class StickySessions {
  readonly #host: StickyHost;
  readonly #book: SessionBook;
  #options: StickyOptions;
  readonly #draining: DrainingEndpoints;
  #inUse: SessionsInUse;
  readonly #strangers: Strangers;
  /**
   * For subsets without a name where the others' are in a store: nothing says whose they are there.
   */
  #local: TableBook | undefined;
  /** The session that was looked for last, and the binding that was seen to be unusable. */
  #scope = '';
  #key: RoutingKey | undefined;
  #name = '';
  #lostId: string | undefined;
  #lostReason: AffinityMoveReason = 'departed';

  constructor(host: StickyHost, book: SessionBook, options: StickyOptions) {
    this.#host = host;
    this.#book = book;
    this.#options = options;
    this.#draining = new DrainingEndpoints(host.clock, options.drainMs);
    this.#strangers = new Strangers(host, options.ttlMs, options.capacity);
    this.#inUse = new SessionsInUse(host.clock, options.ttlMs, this.#renew);
  }

  /**
   * Takes the place of another: sessions of its tables, those with calls in progress, and endpoints
   * that drain.
   */
  succeed(before: StickySessions): void {
    if (this.#book instanceof TableBook && before.#book instanceof TableBook) this.#book.inherit(before.#book);
    // Of subsets without a name, beside a store: they are nowhere else.
    if (before.#local !== undefined) this.#tableOfUnnamed().inherit(before.#local);
    this.#draining.inherit(before.#draining);
    // Calls of before end where they began.
    this.#inUse = before.#inUse;
    this.#inUse.follow(this.#options.ttlMs, this.#renew);
  }

  /** There are no sessions any more: calls in progress hold none. */
  end(): void {
    this.#inUse.close();
  }

  readonly #renew = (name: string): void => {
    this.#book.get(name);
    this.#local?.get(name);
  };

  /** Other rules for sessions whose endpoint cannot be used; where they are kept stays. */
  reconfigure(options: StickyOptions): void {
    this.#options = options;
    this.#draining.drainMs = options.drainMs;
  }

  /**
   * For calls that can wait: asks a shared store about the session. Undefined where nothing must be
   * asked.
   */
  prepare(sessions: string, key: RoutingKey): Promise<void> | undefined {
    return this.#book.prepare(this.#book.name(sessions, key));
  }

  /**
   * The endpoint this key is bound to, if it can be used; undefined says: pick one and `bind` it.
   */
  find(view: StickyView, key: RoutingKey, tried: readonly Endpoint[] | undefined): LiveEndpoint | undefined {
    const name = this.look(view, key);
    const book = this.#bookOf(view.sessions);
    const home = book.get(name);
    if (home !== undefined) return this.#resolve(view, home, tried, true);
    return book.full || this.#strangers.lately ? this.#placeStranger(view, tried) : undefined;
  }

  /** The name of a session, for `hold`. */
  look(view: StickyView, key: RoutingKey): string {
    this.#scope = view.sessions;
    this.#key = key;
    this.#name = this.#bookOf(view.sessions).name(view.sessions, key);
    this.#lostId = undefined;
    return this.#name;
  }

  /** The name of the session that was looked for last. */
  get name(): string {
    return this.#name;
  }

  /**
   * For a call that names its endpoint; undefined says: pick one. An id that no endpoint has is not
   * a session.
   */
  prefer(view: StickyView, id: string, tried: readonly Endpoint[] | undefined): LiveEndpoint | undefined {
    this.#key = undefined;
    const endpoint = this.#resolve(view, { id }, tried, false);
    this.#lostId = undefined;
    return endpoint;
  }

  /**
   * For an attempt that runs beside another of the same call (a hedge): the session stays where it
   * is, whichever attempt answers first, so such an attempt neither asks nor binds. Where sessions
   * must not be served elsewhere there is none.
   */
  refuseBeside(): void {
    if (this.#options.onUnavailable !== 'fail') return;
    const message = `A session of service '${this.#host.name}' is not hedged: affinity.onUnavailable is 'fail'.`;
    throw new FairleadError('FAIRLEAD_AFFINITY_LOST', message, { service: this.#host.name });
  }

  /** What `find` would do; changes nothing. Throws what it would throw. */
  peekSession(view: StickyView, key: RoutingKey, tried: readonly Endpoint[] | undefined): SessionPreview {
    const book = this.#bookOf(view.sessions);
    const name = book.name(view.sessions, key);
    const home = book.peek(name);
    if (home !== undefined) {
      const endpoint = this.peek(view, home, tried, true);
      return { state: endpoint === undefined ? 'moves' : 'bound', home: home.id, endpoint };
    }
    if (!book.crowded && !this.#strangers.lately) return { state: 'begins', home: undefined, endpoint: undefined };
    const fails = this.#options.onUnavailable === 'fail';
    const wellFor = (endpoint: LiveEndpoint): boolean => view.usable(endpoint) && tried?.includes(endpoint) !== true;
    const endpoint = this.#strangers.place(name, view.members, (each) => fails || wellFor(each));
    if (fails && endpoint !== undefined && !wellFor(endpoint)) {
      throw this.#lost(endpoint.spec.id, view.usable(endpoint) ? 'tried' : 'unavailable', true);
    }
    return { state: endpoint === undefined ? 'begins' : 'placed', home: undefined, endpoint };
  }

  /** As `#resolve`; changes nothing. */
  peek(
    view: StickyView,
    home: Home,
    tried: readonly Endpoint[] | undefined,
    isSession = false,
  ): LiveEndpoint | undefined {
    const listed = this.#host.byId(home.id);
    const drained = this.#drained(home, listed);
    const endpoint = drained ?? listed;
    const isUsable = endpoint !== undefined && (drained !== undefined || !endpoint.withdrawn) && view.usable(endpoint);
    if (isUsable && tried?.includes(endpoint) !== true) return endpoint;
    if (this.#options.onUnavailable !== 'fail' || (!isSession && endpoint === undefined)) return undefined;
    throw this.#lost(home.id, endpoint === undefined ? 'departed' : isUsable ? 'tried' : 'unavailable', isSession);
  }

  /** Binds the session that `find` did not find. */
  bind(endpoint: LiveEndpoint): void {
    const from = this.#lostId;
    this.#lostId = undefined;
    if (!this.#bookOf(this.#scope).set(this.#name, endpoint)) this.#strangers.turnedAway();
    if (from !== undefined && from !== endpoint.spec.id) this.#moved(from, endpoint.spec.id, this.#lostReason);
  }

  /** Forgets where the session is: its next call begins anew. Rejects where a store fails. */
  async unbind(scope: string, key: RoutingKey): Promise<void> {
    if (typeof key !== 'string') checkBinaryKey(key);
    const book = this.#bookOf(scope);
    await book.unbind(book.name(scope, key));
  }

  /** A call of this session is in progress: it does not end meanwhile. */
  hold(name: string): number {
    return this.#inUse.hold(name);
  }

  /** It ended. `turn` is what `hold` returned. */
  release(name: string, turn: number): void {
    this.#inUse.release(name, turn);
  }

  /**
   * Discovery withdrew it: its sessions may stay for a while, unless it was out of rotation
   * already.
   */
  withdrawn(endpoint: LiveEndpoint): void {
    this.#draining.add(endpoint, this.#host.byId(endpoint.spec.id));
  }

  /** It failed a call after discovery had withdrawn it: it is not draining but gone. */
  abandon(endpoint: LiveEndpoint): void {
    this.#draining.abandon(endpoint);
  }

  /**
   * For a service that closes: bindings on their way to a shared store get there, if that takes no
   * longer than `limitMs`. Never rejects; what is lost is reported.
   */
  async flush(limitMs: number): Promise<void> {
    const { name, clock, failed } = this.#host;
    const book = this.#book;
    if (book.unwritten === 0) return;
    if (limitMs > 0) await withTimeout(clock, limitMs, book.flush(), tooLate).catch(ignore);
    const lost = book.unwritten;
    if (lost === 0) return;
    failed(new Error(`Service '${name}' closed before ${lost} of its sessions were in the affinity store.`));
  }

  clear(): void {
    this.#inUse.close();
    this.#draining.clear();
    this.#local?.clear();
    this.#book.clear();
  }

  #bookOf(scope: string): SessionBook {
    return scope.startsWith(UNNAMED) ? this.#tableOfUnnamed() : this.#book;
  }

  #tableOfUnnamed(): TableBook {
    if (this.#book instanceof TableBook) return this.#book;
    this.#local ??= new TableBook(this.#host.clock, this.#options);
    return this.#local;
  }

  #resolve(
    view: StickyView,
    home: Home,
    tried: readonly Endpoint[] | undefined,
    isSession: boolean,
  ): LiveEndpoint | undefined {
    const { id } = home;
    const listed = this.#host.byId(id);
    const drained = this.#drained(home, listed);
    const endpoint = drained ?? listed;
    let reason: AffinityMoveReason = 'departed';
    if (endpoint !== undefined) {
      const isUsable = (drained !== undefined || !endpoint.withdrawn) && view.usable(endpoint);
      const wasTried = tried?.includes(endpoint) === true;
      if (isUsable && !wasTried) {
        if (isSession && !isProcess(home, endpoint)) this.#follow(endpoint);
        return endpoint;
      }
      reason = isUsable ? 'tried' : 'unavailable';
    }
    if (this.#options.onUnavailable === 'fail' && (isSession || endpoint !== undefined)) {
      this.#refuse(id, reason, isSession);
    }
    this.#lostId = id;
    this.#lostReason = reason;
    return undefined;
  }

  /** The process that has the session, where it left discovery but may keep it. */
  #drained(home: Home, listed: LiveEndpoint | undefined): LiveEndpoint | undefined {
    const taken = listed !== undefined && !isProcess(home, listed);
    if (listed !== undefined && !listed.withdrawn && !taken) return undefined;
    const draining = this.#draining.of(home.id);
    // An id that was gone, and came back at another address, is a process that ended and began
    // anew.
    if (draining === undefined || (taken && !draining.replaced)) return undefined;
    return isProcess(home, draining.endpoint) ? draining.endpoint : undefined;
  }

  /** Another process has the id of the session's: it is its endpoint now. */
  #follow(endpoint: LiveEndpoint): void {
    const { id } = endpoint.spec;
    this.#bookOf(this.#scope).set(this.#name, endpoint);
    this.#moved(id, id, 'departed');
  }

  #placeStranger(view: StickyView, tried: readonly Endpoint[] | undefined): LiveEndpoint | undefined {
    const wasTried = (endpoint: LiveEndpoint): boolean => tried?.includes(endpoint) === true;
    const fails = this.#options.onUnavailable === 'fail';
    const accepts = (endpoint: LiveEndpoint): boolean => fails || (view.usable(endpoint) && !wasTried(endpoint));
    const endpoint = this.#strangers.place(this.#name, view.members, accepts);
    if (endpoint === undefined) return undefined;
    if (fails && !view.usable(endpoint)) this.#refuse(endpoint.spec.id, 'unavailable', true);
    if (fails && wasTried(endpoint)) this.#refuse(endpoint.spec.id, 'tried', true);
    if (!this.#bookOf(this.#scope).set(this.#name, endpoint)) this.#strangers.turnedAway();
    return endpoint;
  }

  #refuse(id: string, reason: AffinityMoveReason, isSession: boolean): never {
    this.#moved(id, undefined, reason);
    throw this.#lost(id, reason, isSession);
  }

  #lost(id: string, reason: AffinityMoveReason, isSession: boolean): FairleadError {
    const again = isSession && reason === 'departed' ? ' service.unbind(key) lets the session begin anew.' : '';
    return new FairleadError(
      'FAIRLEAD_AFFINITY_LOST',
      `The session's endpoint '${id}' of service '${this.#host.name}' is not available (${reason}); ` +
        `affinity.onUnavailable is 'fail', so no other was tried.${again}`,
      { service: this.#host.name, endpoint: id },
    );
  }

  #moved(from: string, to: string | undefined, reason: AffinityMoveReason): void {
    this.#host.moved({ key: this.#key === undefined ? '' : sessionHash(this.#key), from, to, reason });
  }
}

function isProcess({ host, port }: Home, { spec }: LiveEndpoint): boolean {
  return host === undefined || (host === spec.host && port === spec.port);
}

function tooLate(): Error {
  return new Error('The service closes.');
}

function ignore(): void {}
