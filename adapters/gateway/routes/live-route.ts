import type { RouteSettings } from '../../../src/adapter.js';
import type { Service, Subset } from '../../../src/index.js';
import type { AffinityCookie } from './affinity-cookie.js';
import type { RouteFallback } from './fallback.js';
import type { Keyed } from './keys.js';
import type { RouteLimit } from './rate-limit.js';
import type { RouteFigures } from './route-figures.js';

/** A route at work. */
export interface LiveRoute {
  readonly settings: RouteSettings;
  readonly figures: RouteFigures;
  /** Undefined for a redirect or a response. */
  readonly service: Service | undefined;
  readonly from: Subset | undefined;
  readonly limit: RouteLimit | undefined;
  readonly keyOf: ((keyed: Keyed) => string | undefined) | undefined;
  readonly cookie: AffinityCookie | undefined;
  /** Requests in progress under it. */
  inflight: number;
  /** Replaced by others: its subset is given back with its last request. */
  retired: boolean;
  readonly fallback: RouteFallback | undefined;
  readonly retryStatus: ReadonlySet<number> | undefined;
}
