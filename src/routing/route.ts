import type { PolicySpec } from '../balancing/spec.js';
import type {
  Cors,
  HeaderEdits,
  Redirect,
  RouteAffinity,
  RouteFallback,
  RouteKey,
  RouteRateLimit,
  RouteResponse,
  RouteRetries,
  RouteRewrite,
  RouteTimeouts,
} from './route-parts.js';

/**
 * What the value of a header or query parameter must be: this text, one of these, a text that
 * begins so, or whether there is one. There are no regular expressions: what clients send decides
 * how long those take.
 */
export type ValueMatch =
  | string
  | readonly string[]
  | { readonly prefix: string }
  /** Whether there is one. */
  | { readonly present: boolean };

/** What a match says that is neither a text nor several. */
export interface ValueForm {
  /** The value begins with this. */
  readonly prefix?: string;
  /** Whether there is one at all. */
  readonly present?: boolean;
}

/** What a request must look like; all of it must hold. */
export interface RouteMatch {
  /**
   * `users.example.com`, or a wildcard for all names below one: `*.example.com`; one or several.
   * Case, port and a dot at the end do not matter. Default: any.
   */
  readonly host?: string | readonly string[];
  /**
   * `/health` is that path alone; `/users/*` is `/users` and all below it; a segment in braces
   * takes any one segment: `/users/{id}`, `/users/{id}/*`. Default: any.
   */
  readonly path?: string;
  /** One or several: `GET`. Case matters, as in HTTP. Default: any. */
  readonly method?: string | readonly string[];
  /** By name, whatever its case. Values of a repeated header are joined by a comma and a space. */
  readonly headers?: Readonly<Record<string, ValueMatch>>;
  /** Parameters by name; of a repeated one the first counts. */
  readonly query?: Readonly<Record<string, ValueMatch>>;
}

/** Which endpoints of a service: those for which all of it holds. */
export interface RouteSubset {
  /** All of these are among an endpoint's tags. */
  readonly tags?: readonly string[];
  /** The endpoint's `version` in its metadata. */
  readonly version?: string;
  /** All of these are in an endpoint's metadata. */
  readonly meta?: Readonly<Record<string, string>>;
}

/**
 * What a request must look like, and what becomes of it: a plain value, which a configuration can
 * hold.
 *
 * Where several routes match, the one with the more precise host is taken (a name before a
 * wildcard, a longer wildcard before a shorter one), then the one with the more precise path (all
 * of it before a prefix, a longer prefix before a shorter one), then one that names a method, then
 * that with more headers, then that with more query parameters, then the first.
 */
export interface Route {
  /** For figures and logs. Default: `route 3`, by its place. */
  readonly name?: string;
  /** What a request must look like; one of these. Default: every request. */
  readonly match?: RouteMatch | readonly RouteMatch[];
  /** Where it goes: this, `redirect` or `response`, one of them. */
  readonly service?: string;
  /** Which endpoints of the service it may go to. Default: all. */
  readonly subset?: RouteSubset;
  /** How an endpoint is chosen. Default: the service's policy. */
  readonly policy?: PolicySpec;
  /** What a request is hashed or sticky by; the first that it has. Default: nothing. */
  readonly key?: RouteKey | readonly RouteKey[];
  /** Keeps a client on its endpoint by a signed cookie. Default: no cookie. */
  readonly affinity?: RouteAffinity;
  /** Another path, another host for the service. Default: as they came. */
  readonly rewrite?: RouteRewrite;
  /** Changes to the headers that the service sees. */
  readonly requestHeaders?: HeaderEdits;
  /** Changes to the headers that the client sees. */
  readonly responseHeaders?: HeaderEdits;
  /** Sends the client elsewhere. */
  readonly redirect?: Redirect;
  /** Answers at once. */
  readonly response?: RouteResponse;
  /**
   * The answer where the service did not serve: no endpoint, all attempts failed, a limit of the
   * route or the service, a timeout. Not for gRPC and WebSockets. Default: a 5xx of the gateway.
   */
  readonly fallback?: RouteFallback;
  /** What browsers may do from other origins; preflights are answered here. */
  readonly cors?: Cors;
  /** Over the service's own. */
  readonly retries?: RouteRetries;
  /** How long a response may take, and its parts. Default: those of `RouteTimeouts`. */
  readonly timeouts?: RouteTimeouts;
  /** Requests within a time, in all or for each client; more are answered 429. Default: none. */
  readonly rateLimit?: RouteRateLimit;
  /** Requests in progress at once; 1 to 1,000,000. More are answered 503. Default: no limit. */
  readonly maxInflight?: number;
  /** A longer request body is answered 413; bytes; 0 to 2^53 - 1. Default: no limit. */
  readonly maxBodyBytes?: number;
}
