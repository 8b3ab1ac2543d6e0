import type { Labels, Mirror, Part, RouteRequest } from '../picking/router.js';
import type { Service } from './contract.js';
import type { LiveService } from './service.js';

/** Where a call is held to, and what it has to carry on. */
export interface CallRoute {
  /** For `acquire()`, of every attempt of the call. */
  readonly part: Part | undefined;
  /** Copies it, if it may be made twice. */
  readonly mirror: Mirror | undefined;
  /** A header that goes with the call, in lower case; its lane. */
  readonly carried: readonly [name: string, value: string] | undefined;
}

/**
 * For adapters: asks once for each call, in its caller's context, where it is held to. Undefined
 * where the service's calls are not routed: there is nothing to do then. `labels` reads a header or
 * an entry of the metadata by its name in lower case.
 */
export function routeOf(service: Service, key: RouteRequest['key'], labels: Labels | undefined): CallRoute | undefined {
  const { router } = service as LiveService;
  if (router === undefined) return undefined;
  const request = { key, labels };
  return { part: router.route(request), mirror: router.mirror, carried: router.carried(request) };
}
