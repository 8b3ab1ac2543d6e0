import { callPlanning, type RouteSettings, RouteTable } from '../../../src/adapter.js';
import { FairleadError, type Mesh, type TokenKey } from '../../../src/index.js';
import type { RateLimiterLike } from '../../../src/resilience/index.js';
import { AffinityCookie } from './affinity-cookie.js';
import { type GatewayFallback, RouteFallback } from './fallback.js';
import { keyReader } from './keys.js';
import type { LiveRoute } from './live-route.js';
import { RouteLimit } from './rate-limit.js';
import { RouteFigures } from './route-figures.js';
import { Subsets } from './subsets.js';

export interface RouteContext {
  readonly mesh: Mesh;
  readonly affinityKeys: readonly TokenKey[] | undefined;
  readonly rateLimiters: Readonly<Record<string, RateLimiterLike>>;
  readonly fallbacks: Readonly<Record<string, GatewayFallback>>;
}

/**
 * The routes in force. What a change of routes does not touch is kept: figures, counts, pickers.
 */
export class RouteSet {
  readonly #context: RouteContext;
  readonly #subsets: Subsets;
  readonly #figures = new Map<string, RouteFigures>();
  #limits = new Map<string, RouteLimit>();
  #table: RouteTable<LiveRoute> = new RouteTable<LiveRoute>([]);
  #routes: readonly LiveRoute[] = [];
  #closed = false;

  constructor(context: RouteContext) {
    this.#context = context;
    this.#subsets = new Subsets(context.mesh);
  }

  get table(): RouteTable<LiveRoute> {
    return this.#table;
  }

  get routes(): readonly LiveRoute[] {
    return this.#routes;
  }

  /** Throws what is wrong with them for this gateway. */
  check(routes: readonly RouteSettings[]): void {
    const { mesh, affinityKeys, rateLimiters, fallbacks } = this.#context;
    for (const { name, affinity, rateLimit, service, subset, policy, fallback } of routes) {
      if (affinity !== undefined && affinityKeys === undefined)
        throw refused(`Route '${name}' has affinity, for which the gateway needs affinityKeys.`);
      const { store } = rateLimit ?? {};
      if (store !== undefined && !Object.hasOwn(rateLimiters, store))
        throw refused(`Route '${name}' counts by '${store}', which is none of the gateway's rateLimiters.`);
      if (policy !== undefined) mesh.policies.resolve(policy, `route '${name}'.policy`);
      if (fallback !== undefined && service === undefined)
        throw refused(`Route '${name}' has a fallback, and no service.`);
      if (fallback?.by !== undefined && !Object.hasOwn(fallbacks, fallback.by))
        throw refused(`Route '${name}' falls back by '${fallback.by}', which is none of the gateway's fallbacks.`);
      if ((subset !== undefined || policy !== undefined) && service === undefined)
        throw refused(`Route '${name}' has a subset or a policy, and no service.`);
    }
  }

  /** All of them or none. */
  set(routes: readonly RouteSettings[]): void {
    this.check(routes);
    if (this.#closed) return;
    const limits = new Map<string, RouteLimit>();
    const live = routes.map((settings) => this.#liven(settings, limits));
    const before = this.#routes;
    this.#limits = limits;
    this.#routes = live;
    this.#table = new RouteTable(live.map((route) => [route, route.settings.matches]));
    for (const route of before) this.#retire(route);
    const names = new Set(routes.map(({ name }) => name));
    for (const name of this.#figures.keys()) if (!names.has(name)) this.#figures.delete(name);
  }

  /** No request follows: what the routes had of their services is given back. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const route of this.#routes) this.#retire(route);
  }

  began(route: LiveRoute): void {
    route.inflight++;
    route.figures.began();
  }

  /** `status` 0: the client went before there was one. */
  ended(route: LiveRoute, status: number): void {
    route.inflight--;
    route.figures.ended(status);
    if (route.retired && route.inflight === 0) this.#subsets.release(route.from);
  }

  #liven(settings: RouteSettings, limits: Map<string, RouteLimit>): LiveRoute {
    const { mesh, affinityKeys, rateLimiters, fallbacks } = this.#context;
    const { name, service, fallback, subset, policy, key, affinity, rateLimit, retries } = settings;
    let limit: RouteLimit | undefined;
    if (rateLimit !== undefined) {
      const same = JSON.stringify([name, rateLimit]);
      const store = rateLimit.store === undefined ? undefined : rateLimiters[rateLimit.store];
      limit = this.#limits.get(same) ?? new RouteLimit(name, rateLimit, store, mesh.clock);
      limits.set(same, limit);
    }
    let figures = this.#figures.get(name);
    if (figures === undefined) {
      figures = new RouteFigures();
      this.#figures.set(name, figures);
    }
    // Made now: discovery is warm when the first request comes.
    const live = service === undefined ? undefined : mesh.service(service);
    const made = fallback?.by === undefined ? undefined : fallbacks[fallback.by];
    return {
      settings,
      figures,
      service: live,
      fallback: fallback && live && new RouteFallback(settings, fallback, made, callPlanning(live), figures),
      from: service === undefined ? undefined : this.#subsets.take(service, subset, policy),
      limit,
      keyOf: key && keyReader(key),
      cookie:
        affinity && service !== undefined && affinityKeys !== undefined
          ? new AffinityCookie(affinity, service, affinityKeys, mesh.clock)
          : undefined,
      inflight: 0,
      retired: false,
      retryStatus: retries?.statuses && new Set(retries.statuses),
    };
  }

  #retire(route: LiveRoute): void {
    route.retired = true;
    if (route.inflight === 0) this.#subsets.release(route.from);
  }
}

function refused(message: string): FairleadError {
  return new FairleadError('FAIRLEAD_INVALID_OPTION', message);
}
